package pipeline

import "encoding/json"

// Spec is a pipeline as a value: what a file says, for programs that build one
// without a file.
type Spec struct {
	Name    string
	Seed    uint64
	Dir     string // input paths are relative to it
	Params  map[string]any
	Plugins map[string]PluginSpec
	Stages  []StageSpec // in any order
}

// StageSpec is one stage.
type StageSpec struct {
	Name string
	Kind string
	Use  string
	// From joins ports: "stage", "stage.split", or a FlowFile.
	From map[string]any
	// With is the configuration: anything that marshals to a JSON object.
	With any
	// To is a file name, or empty.
	To string
}

// FlowFile joins a port to a trained flow in a file.
type FlowFile struct {
	File string `json:"file"`
}

// PluginSpec is how a plugin is started or found.
type PluginSpec struct {
	Command      []string          `yaml:"command" json:"command,omitempty" doc:"the program and its arguments, started by the host in the folder of this file"`
	Address      string            `yaml:"address" json:"address,omitempty" doc:"the address of a plugin that runs already: unix:///path or host:port"`
	StartTimeout Duration          `yaml:"start_timeout" json:"start_timeout,omitempty" doc:"how long the start may take (default 30s)"`
	CallTimeout  Duration          `yaml:"call_timeout" json:"call_timeout,omitempty" doc:"how long one call may take (default: no limit)"`
	StallTimeout Duration          `yaml:"stall_timeout" json:"stall_timeout,omitempty" doc:"how long a call may go without progress (default 20s)"`
	SharedMemory *bool             `yaml:"shared_memory" json:"shared_memory,omitempty" doc:"false: rows travel through the socket alone; results are the same (default true, where the system has it)"`
	CrashBundle  *bool             `yaml:"crash_bundle" json:"crash_bundle,omitempty" doc:"whether a crash leaves a folder that shows it again, with rows of the data (default true)"`
	Env          map[string]string `yaml:"env" json:"env,omitempty" doc:"environment variables for the plugin, beside the few that are passed on"`
}

// fileSpec is the pipeline file. Its tags are where the top level of the
// format is defined; see SchemaOf.
type fileSpec struct {
	Version int                   `yaml:"version" json:"version" doc:"the version of the file format: 1" required:"true"`
	Name    string                `yaml:"name" json:"name" doc:"names the output folder; lower-case letters, digits and dashes" required:"true"`
	Seed    uint64                `yaml:"seed" json:"seed" doc:"every random number is a function of it"`
	Params  map[string]any        `yaml:"params" json:"params" doc:"named values, used as ${params.x}, set from outside with --set params.x=v"`
	Plugins map[string]PluginSpec `yaml:"plugins" json:"plugins" doc:"programs that implement stages"`
	Stages  map[string]fileStage  `yaml:"stages" json:"stages" doc:"the stages by name" required:"true"`
}

type fileStage struct {
	Kind string         `yaml:"kind" json:"kind" doc:"what the stage is for" required:"true"`
	Use  string         `yaml:"use" json:"use" doc:"the implementation: a built-in, PLUGIN/NAME or PLUGIN" required:"true"`
	From map[string]any `yaml:"from" json:"from" doc:"the inputs: a stage, or stage.split, for each port"`
	With any            `yaml:"with" json:"with" doc:"the configuration of the implementation"`
	To   any            `yaml:"to" json:"to" doc:"the file that the rows are written to"`
}

// specNode writes a Spec as the tree that a file would give.
func specNode(s Spec) (*node, error) {
	stages := map[string]any{}
	for _, st := range s.Stages {
		m := map[string]any{"kind": st.Kind, "use": st.Use}
		if st.From != nil {
			m["from"] = st.From
		}
		if st.With != nil {
			raw, err := json.Marshal(st.With)
			if err != nil {
				return nil, err
			}
			m["with"] = json.RawMessage(raw)
		}
		if st.To != "" {
			m["to"] = st.To
		}
		stages[st.Name] = m
	}
	top := map[string]any{"version": 1, "name": s.Name, "seed": s.Seed, "stages": stages}
	if s.Params != nil {
		top["params"] = s.Params
	}
	if s.Plugins != nil {
		top["plugins"] = s.Plugins
	}
	return nodeOf(top)
}
