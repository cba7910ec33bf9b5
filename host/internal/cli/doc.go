// Package cli is the command line of the host: one file per command, no
// mathematics, no protocol. Main runs one command in this process and returns
// its exit code; nothing here ends the process or catches a signal, so that
// tests run every command as a function.
//
// The way of a command: arguments are parsed by cobra; the command returns a
// result (a value for --json and a way to print it for people) or an error;
// Main prints one of the two and turns the error's reasons into the exit code.
// Standard output carries the result and nothing else, standard error carries
// errors and logs.
//
// To add a command, write a file with a function that returns a
// *cobra.Command made by app.command, and name it in newRoot.
package cli
