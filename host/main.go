// Command host runs pathline pipelines: it trains, samples and scores flows on
// tables. `host --help` lists what it does; the packages under internal hold
// one command per file.
package main

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/pathline/pathline/host/internal/cli"
	"github.com/pathline/pathline/stages"
)

func main() {
	// The first two signals belong to the command (stop at a safe point, stop
	// at once); the third is for when neither helps.
	caught, forward := make(chan os.Signal, 4), make(chan os.Signal, 2)
	signal.Notify(caught, os.Interrupt, syscall.SIGTERM)
	// A write to a pipe that nobody reads fails, instead of ending the process
	// in the middle of something.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go func() {
		for n := 0; ; n++ {
			s := <-caught
			if n == 2 {
				os.Exit(cli.SignalExit(s))
			}
			forward <- s
		}
	}()
	os.Exit(cli.Main(cli.Process{
		Args: os.Args[1:], Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Env: os.LookupEnv, Signals: forward, Registry: stages.Builtin,
	}))
}
