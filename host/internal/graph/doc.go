// Package graph draws a pipeline: as text for a terminal, as Mermaid and DOT
// for other tools, and as an SVG with a layout of its own, so that a picture
// needs no program beside the host. The report page embeds the same SVG.
//
// The layout is the layered one of Sugiyama, Tagawa and Toda (1981), left to
// right: layers by longest path (sources are then moved next to the stage that
// uses them), bends for edges that cross layers, order inside of a layer by
// barycentres, heights by pulling boxes towards their neighbours. The order of
// nodes and edges in the Graph decides every tie, so a picture is a function
// of the graph alone.
//
// A new format is one file with one method on Graph.
package graph
