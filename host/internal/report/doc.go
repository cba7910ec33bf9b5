// Package report writes a run as one page, report.html, that opens anywhere:
// styles and drawings are inside, there is no script, and the page forbids
// itself every network access. It follows the reader's light or dark theme
// and fits a phone.
//
//	run -> Report (plain values) -> Write -> sections -> SVG drawn by hand -> page.html, page.css
//
// A section without content is left out. Values that are not finite are not
// drawn and are counted in the caption. Equal reports give equal bytes.
//
// Colours mean one thing on the whole page: the data are blue, what the model
// made is orange, noise and everything else is grey. They are classes of
// page.css, so a drawing never names a colour.
//
// All text that comes from a run, column names, messages, the file, is
// escaped: by html/template on the page, by canvas.text in a drawing. Only
// Report.GraphSVG is taken as it is.
//
// To add a section: a type in report.go, a file that turns it into a drawing,
// a block in page.html, and a fixture in the tests, whose laws then apply.
package report
