// Package pipeline reads, checks, plans and runs pipelines. It knows Arrow and
// stages; it knows nothing of mathematics, of processes and of the command.
//
// # The map of pathline
//
// Follow one batch of rows from source to sink in a training pipeline:
//
//	loader       stages/loader     a row group of a Parquet file becomes Arrow record batches
//	                               with the columns asked for; a hash of (seed, row number)
//	                               says which split a row belongs to
//	transform    stages/transform  fitted once on the training split; columns become one vector
//	                               column x [FixedSizeList<float32>[d]], viewed as a matrix
//	                               (schemas/view.go)
//	trainer      stages/trainer    holds the rows, or a shuffled window of them; for each step and
//	                               block of rows: noise x0 (stages/random), time t, x_t and u_t
//	                               (stages/path, stages/coupling), network forward and backward
//	                               (stages/model), then one update (stages/optim). By maximum likelihood a
//	                               block goes through a bijection to its base (stages/bijection),
//	                               or through a solver and back (stages/cnf)
//	flow         stages/flow       one safetensors file with everything it takes to go back
//	sampler      stages/sampler    base noise -> solver over the network (stages/solver) -> inverse
//	                               transforms -> the data file's own columns
//	likelihood   stages/likelihood rows -> transforms and their log-det -> solver with trace ->
//	                               base log-density -> the column log_prob
//	writer       stages/writer     record batches become a Parquet file, complete or absent
//
// A stage may live in another process instead (package plugins); nobody
// downstream can tell. The command (package main in host) draws everything it
// shows from the events and the record of a run.
//
// # How a file becomes a run
//
//	parse.go, node.go     YAML becomes a tree in which every value knows its line and column
//	interpolate.go        ${params.x} and ${env:NAME} are replaced in that tree, typed
//	schema.go             one description of a configuration, from a Go type or a plugin,
//	                      parses, fills in defaults, checks, documents and writes JSON Schema
//	load.go, check.go     all errors in one pass; then every stage is built and sees the schemas
//	                      of its inputs, before anything starts
//	plan.go               what identifies the result of a stage, compared with the last run
//	run.go, write.go      the one loop; rows are pulled, so nothing is computed that nobody takes
//	event.go, record.go   what happened, for progress, logs and run.json
//
// # Adding things
//
// A kind is a value handed to Registry.AddKind, an implementation one call of
// Register with a configuration struct and a function that builds a Stage. The
// framework has no list of either.
package pipeline
