// Package ui shows a run while it runs. Everything is drawn from the events of
// package pipeline and from nothing else:
//
//	Bars    a terminal: a bar for every stage that is running, above them a line for every one that ended
//	Lines   a pipe or a log file: a line when a stage starts and ends, progress at most every ten seconds
//	NDJSON  a program: every event as one line of JSON
//	Quiet   nothing
//
// A Display takes events from any goroutine; Close ends what it started. To
// add a way of showing, implement Display in one file.
package ui
