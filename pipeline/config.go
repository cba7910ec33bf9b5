package pipeline

// Schema describes a configuration: the one source from which parsing,
// defaults, validation, JSON Schema and documentation are derived. It comes
// from a Go type (SchemaOf) or from a plugin's JSON Schema (ParseSchema).
type Schema struct {
	Type     string // string, integer, number, boolean, object, array, map, any, duration, size
	Doc      string
	Fields   []*Schema // of an object, in order
	Key      string    // the key of a field
	Elem     *Schema   // of an array or map
	Default  any       // JSON value; nil when there is none
	Required bool
	Enum     []string
	Min, Max *float64
	Above    *float64 // exclusive minimum
	Below    *float64 // exclusive maximum
	// Use marks an object whose key "use" may be written alone: adam means {use: adam}.
	Use bool
	// Null says that the value may be null.
	Null bool
}
