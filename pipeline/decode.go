package pipeline

import (
	"encoding/json"
	"errors"
	"reflect"

	"github.com/pathline/pathline/schemas"
)

// DecodeFile reads the text of a small YAML file that is no pipeline file into a
// Go struct, whose content is the defaults, by the tags that configurations have.
// Errors have the places, suggestions and lines that those of a pipeline file
// have; all are found in one pass. A method Validate may find more; a key that it
// names with At gets its place.
func DecodeFile(name string, text []byte, into any) error {
	n, err := parseNode(name, text)
	if err != nil {
		return err
	}
	s, err := SchemaOf(reflect.ValueOf(into).Elem().Interface())
	if err != nil {
		panic("pipeline: " + err.Error())
	}
	var errs []*schemas.Error
	v := s.resolve(n, "", &errs)
	if len(errs) > 0 {
		return joinErrors(errs)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return n.at.fail(schemas.WrongType, "", "%w", err)
	}
	reflect.ValueOf(into).Elem().SetZero()
	if err := json.Unmarshal(raw, into); err != nil {
		return n.at.fail(schemas.WrongType, "", "%w", err)
	}
	if c, ok := into.(interface{ Validate() error }); ok {
		var placed []error
		for _, e := range schemas.Errors(c.Validate(), schemas.OutOfRange) {
			at, _ := n.find(e.Path) // as far as it leads
			copied := *e
			placed = append(placed, at.place(&copied))
		}
		return errors.Join(placed...)
	}
	return nil
}
