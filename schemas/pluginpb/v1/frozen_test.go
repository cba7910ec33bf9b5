package pluginpb_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/pathline/pathline/schemas/pluginpb/v1"
)

var freeze = flag.Bool("freeze", false, "write what is compatible as the frozen descriptor")

const frozenFile = "frozen/plugin.json"

func frozen(t *testing.T) *descriptorpb.FileDescriptorProto {
	raw, err := os.ReadFile(frozenFile)
	if err != nil {
		t.Fatal(err)
	}
	d := &descriptorpb.FileDescriptorProto{}
	if err := protojson.Unmarshal(raw, d); err != nil {
		t.Fatal(err)
	}
	return d
}

// What was released is still there, to the number.
func TestFrozen(t *testing.T) {
	now := protodesc.ToFileDescriptorProto(pluginpb.File_plugin_proto)
	old := frozen(t)
	if len(old.GetMessageType()) < 25 && !*freeze {
		t.Fatalf("the frozen descriptor has %d messages and %d services", len(old.GetMessageType()), len(old.GetService()))
	}
	for _, change := range changes(old, now) {
		t.Errorf("a released protocol is frozen: %s", change)
	}
	if *freeze && !t.Failed() {
		raw, err := protojson.Marshal(now)
		if err != nil {
			t.Fatal(err)
		}
		var tidy bytes.Buffer // protojson varies its spaces
		if err := json.Indent(&tidy, raw, "", "  "); err != nil {
			t.Fatal(err)
		}
		tidy.WriteByte('\n')
		if err := os.WriteFile(frozenFile, tidy.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// changes lists what a peer that knows only old would notice.
func changes(old, now *descriptorpb.FileDescriptorProto) (out []string) {
	say := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	if old.GetPackage() != now.GetPackage() || old.GetSyntax() != now.GetSyntax() {
		say("package %s (%s) is now %s (%s)", old.GetPackage(), old.GetSyntax(), now.GetPackage(), now.GetSyntax())
	}
	messages(old.GetMessageType(), now.GetMessageType(), "", say)
	for _, e := range old.GetEnumType() {
		enums(e, find(now.GetEnumType(), e.GetName()), say)
	}
	for _, s := range old.GetService() {
		n := find(now.GetService(), s.GetName())
		for _, m := range s.GetMethod() {
			if is := find(n.GetMethod(), m.GetName()); !proto.Equal(m, is) {
				say("method %s.%s was %v and is %v", s.GetName(), m.GetName(), m, is)
			}
		}
	}
	return out
}

type named interface {
	comparable
	GetName() string
}

// find gives nil, whose methods give zeros, when there is none.
func find[M named](list []M, name string) (none M) {
	for _, m := range list {
		if m.GetName() == name {
			return m
		}
	}
	return none
}

func messages(old, now []*descriptorpb.DescriptorProto, in string, say func(string, ...any)) {
	for _, m := range old {
		n, name := find(now, m.GetName()), in+m.GetName()
		if n == nil {
			say("message %s is gone", name)
			continue
		}
		for _, f := range m.GetField() {
			i := slices.IndexFunc(n.GetField(), func(g *descriptorpb.FieldDescriptorProto) bool { return g.GetNumber() == f.GetNumber() })
			if i < 0 {
				say("field %s.%s = %d is gone", name, f.GetName(), f.GetNumber())
				continue
			}
			if was, is := fieldLine(m, f), fieldLine(n, n.GetField()[i]); was != is {
				say("field %d of %s was `%s` and is `%s`", f.GetNumber(), name, was, is)
			}
		}
		if a, b := m.GetOptions().GetMapEntry(), n.GetOptions().GetMapEntry(); a != b {
			say("message %s is a map entry: %v, then %v", name, a, b)
		}
		messages(m.GetNestedType(), n.GetNestedType(), name+".", say)
		for _, e := range m.GetEnumType() {
			enums(e, find(n.GetEnumType(), e.GetName()), say)
		}
	}
}

// fieldLine is everything of a field that is on the wire or in generated code.
func fieldLine(m *descriptorpb.DescriptorProto, f *descriptorpb.FieldDescriptorProto) string {
	oneof := ""
	if f.OneofIndex != nil {
		oneof = " in oneof " + m.GetOneofDecl()[f.GetOneofIndex()].GetName()
	}
	return strings.TrimSpace(fmt.Sprintf("%v %v %s %s = %d%s packed=%v", f.GetLabel(), f.GetType(), f.GetTypeName(), f.GetName(), f.GetNumber(), oneof, f.GetOptions().GetPacked()))
}

func enums(old, now *descriptorpb.EnumDescriptorProto, say func(string, ...any)) {
	for _, v := range old.GetValue() {
		if is := find(now.GetValue(), v.GetName()); is == nil || is.GetNumber() != v.GetNumber() {
			say("value %s = %d of enum %s is gone or has another number", v.GetName(), v.GetNumber(), old.GetName())
		}
	}
}

// Every way to break a peer is noticed; additions are not changes.
func TestChangesAreNoticed(t *testing.T) {
	type file = descriptorpb.FileDescriptorProto
	message := func(d *file, name string) *descriptorpb.DescriptorProto { return find(d.GetMessageType(), name) }
	for _, c := range []struct {
		name string
		edit func(*file)
		want string // "" for an addition
	}{
		{"nothing", func(*file) {}, ""},
		{"a new field", func(d *file) {
			m := message(d, "Batch")
			m.Field = append(m.Field, &descriptorpb.FieldDescriptorProto{Name: proto.String("more"), Number: proto.Int32(99), Type: descriptorpb.FieldDescriptorProto_TYPE_BYTES.Enum()})
		}, ""},
		{"a new message", func(d *file) {
			d.MessageType = append(d.MessageType, &descriptorpb.DescriptorProto{Name: proto.String("New")})
		}, ""},
		{"a new value", func(d *file) {
			e := find(d.GetEnumType(), "Type")
			e.Value = append(e.Value, &descriptorpb.EnumValueDescriptorProto{Name: proto.String("NEW"), Number: proto.Int32(99)})
		}, ""},
		{"another package", func(d *file) { d.Package = proto.String("pathline.plugin.v2") }, "package"},
		{"a message removed", func(d *file) { d.MessageType = d.MessageType[1:] }, "message DescribeRequest is gone"},
		{"a field removed", func(d *file) { m := message(d, "Fault"); m.Field = nil }, "Fault.diagnostics = 1 is gone"},
		{"a field renamed", func(d *file) { message(d, "Call").Field[0].Name = proto.String("object") }, "field 1 of Call"},
		{"a field renumbered", func(d *file) { message(d, "Call").Field[0].Number = proto.Int32(9) }, "Call.target = 1 is gone"},
		{"another type", func(d *file) {
			message(d, "End").Field[0].Type = descriptorpb.FieldDescriptorProto_TYPE_FIXED64.Enum()
		}, "field 1 of End"},
		{"another label", func(d *file) {
			message(d, "Call").Field[0].Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		}, "field 1 of Call"},
		{"out of the oneof", func(d *file) {
			for _, f := range message(d, "Frame").Field {
				f.OneofIndex = nil
			}
		}, "in oneof body"},
		{"an enum renumbered", func(d *file) { find(d.GetEnumType(), "Unit").Value[1].Number = proto.Int32(7) }, "MILLISECOND = 1"},
		{"a method removed", func(d *file) { d.Service[0].Method = d.Service[0].Method[1:] }, "method Plugin.Describe"},
		{"not a stream any more", func(d *file) { find(d.Service[0].Method, "Session").ServerStreaming = nil }, "method Plugin.Session"},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := protodesc.ToFileDescriptorProto(pluginpb.File_plugin_proto)
			now := proto.Clone(old).(*file)
			c.edit(now)
			got := strings.Join(changes(old, now), "\n")
			if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
				t.Errorf("noticed %q, want %q", got, c.want)
			}
		})
	}
}
