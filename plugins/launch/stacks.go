package launch

import (
	"regexp"
	"strings"
	"time"
)

const (
	// stackPatience bounds how long a plugin may take to say what it is doing; the
	// report of a deadline comes within a second of it.
	stackPatience = 300 * time.Millisecond
	stackQuiet    = 100 * time.Millisecond // no line for so long: it has said it
	stackLines    = 4000                   // lines of stacks that are kept
	stacksShown   = 40                     // and that an error repeats
)

// stacks asks a plugin that hangs what it is doing, and gives what it says. Go
// programs answer SIGQUIT with the stacks of all goroutines and end; the Python
// package registers faulthandler for it; others end or say nothing. A plugin
// that is stopped is continued for it.
//
// What a wrapper has started is asked first, because the group ends with the
// wrapper.
func (p *Plugin) stacks() []string {
	if p.process == nil || !p.process.running() || p.process.ended() {
		return nil
	}
	fresh := p.tail.listen()
	pid := p.process.cmd.Process.Pid
	if started := members(pid); len(started) > 0 {
		askForStacks(started)
		p.hear(fresh)
	}
	if !p.process.ended() {
		askForStacks([]int{pid})
		p.hear(fresh)
	}
	p.lines.Close()
	return p.tail.heard()
}

// hear waits until a plugin that was asked has said what it has to say.
func (p *Plugin) hear(fresh <-chan struct{}) {
	patience := time.NewTimer(stackPatience)
	defer patience.Stop()
	quiet := time.NewTimer(stackPatience)
	defer quiet.Stop()
	for {
		select {
		case <-fresh:
			quiet.Reset(stackQuiet)
		case <-p.process.exited:
			<-p.process.drained
			return
		case <-quiet.C:
			return
		case <-patience.C:
			return
		}
	}
}

// relevant picks the stacks that tell what a plugin does with a call: of Go's
// goroutines those that answer one, else all but those of the runtime. Registers
// and what waits for the connection say nothing to the author of a stage.
func relevant(stacks []string) []string {
	var answering, own, all []string
	for _, b := range blocks(stacks) {
		all = append(all, b...)
		if !strings.HasPrefix(b[0], "goroutine ") {
			continue
		}
		user := false
		for _, l := range b[1:] {
			user = user || !strings.HasPrefix(l, "\t") && !strings.HasPrefix(l, "runtime.") && !strings.HasPrefix(l, "created by runtime")
			if strings.HasPrefix(l, answerFrame) {
				answering = append(answering, b...)
				break
			}
		}
		if user {
			own = append(own, b...)
		}
	}
	out := all
	if len(answering) > 0 {
		out = answering
	} else if len(own) > 0 {
		out = own
	}
	if len(out) > stacksShown {
		out = append(out[:stacksShown:stacksShown], "...")
	}
	for i := range out {
		out[i] = frameNumbers.ReplaceAllString(out[i], "")
	}
	return out
}

// frameNumbers are of use to nobody who reads an error.
var frameNumbers = regexp.MustCompile(`( fp=0x\S+ sp=0x\S+| gp=0x\S+ m=\S+)( pc=0x\S+)?|\(0x[0-9a-f]+[^()]*\)$`)

// answerFrame is in the stack of a goroutine that answers a call.
const answerFrame = "github.com/pathline/pathline/plugins/wire.(*Session).answer("

// blocks cuts stacks at blank lines and where a goroutine begins.
func blocks(lines []string) (out [][]string) {
	begin := true
	for _, l := range lines {
		switch blank := strings.TrimSpace(l) == ""; {
		case blank:
			begin = true
		case begin || strings.HasPrefix(l, "goroutine "):
			out = append(out, []string{l})
			begin = false
		default:
			out[len(out)-1] = append(out[len(out)-1], l)
		}
	}
	return out
}
