// Command papers writes the pages of the reproduced tables: README.md in each
// folder beside it, from page.md.tmpl and the files in results. Run it in the root
// of the repository after a sweep:
//
//	host run examples/papers/FOLDER/pipeline.yaml --seeds 42..46 --out runs/x
//	cp runs/x/seeds.json examples/papers/FOLDER/results/x.json
//	go run ./examples/papers
//
//	pipeline.yaml -> host run --seeds -> seeds.json -> results/x.json -> README.md
//
// No figure of ours is typed: a page is a text/template whose functions read
// results. Published figures stand in the template, with their source. A test
// compares every page with what this program would write.
//
// To add a table: a folder with a pipeline and page.md.tmpl; see page.go for what
// a template can ask for.
package main
