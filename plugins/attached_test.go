package plugins

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pathline/pathline/pipeline"
)

// attached starts a plugin by hand, at an address of the network, and waits until
// it listens.
func attached(t *testing.T, manner, network string) (address string) {
	t.Helper()
	place := filepath.Join(t.TempDir(), "s")
	if network == "unix" {
		if len(place) > 100 {
			t.Skip("the temporary folder has too long a name for a socket")
		}
		address = "unix://" + place
	} else {
		l, err := net.Listen("tcp", "localhost:0")
		if err != nil {
			t.Skip(err)
		}
		place = l.Addr().String()
		l.Close()
		address = place
	}
	c := command(manner)
	cmd := exec.Command(c[0], append(c[1:], "serve", "--address", address)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Errorf("the plugin ended with %v: %s", err, said.String())
		}
	})
	for {
		c, err := net.Dial(network, place)
		if err == nil {
			c.Close()
			return address
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("the plugin ended with %v: %s", err, said.String())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

var declaration = regexp.MustCompile(`\{command: \[PROGRAM, test-plugin, [\w-]+\]\}`)

// A plugin that runs already, behind a socket of this computer or of a network,
// gives the bytes of the stages compiled in.
func TestAttachedPluginsGiveTheSameBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	wantStrange, err := runFile(t, strange, 1, func(_ context.Context, _ map[string]pipeline.PluginSpec, r *pipeline.Registry) error {
		compiled(r, "third", thirdRegistry())
		newHost(t, io.Discard).join(r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantEvery, err := runFile(t, everyKind, 1, func(context.Context, map[string]pipeline.PluginSpec, *pipeline.Registry) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	delete(wantEvery.files, "train.safetensors") // it names the plugins
	var kinds []string
	for _, k := range NewRegistry().Kinds() {
		kinds = append(kinds, k.Name)
	}
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			for _, c := range []struct {
				text, manner string
				want         outcome
			}{{strange, "third", wantStrange}, {apart(kinds), "builtin", wantEvery}} {
				address := attached(t, c.manner, network)
				text := declaration.ReplaceAllString(c.text, `{address: "`+address+`"}`)
				if !strings.Contains(text, address) || strings.Contains(text, "PROGRAM") {
					t.Fatal("the pipeline file does not use the address")
				}
				h := newHost(t, io.Discard)
				got, err := runFile(t, text, 2, declare(h))
				if err != nil {
					t.Fatal(err)
				}
				if c.manner == "builtin" {
					delete(got.files, "train.safetensors")
				}
				same(t, c.manner, got, c.want)
				h.Close()
			}
		})
	}
}
