// Package schemas holds what both sides of every boundary agree on and no
// behaviour: the reasons of errors with their exit codes and advice, reserved
// column names, and how rows of numbers lie in Arrow record batches. The
// protocol of plugins is in pluginpb/v1; pipeline.schema.json is the JSON
// Schema of the pipeline file, generated from the configurations of the
// built-in stages.
//
// Everybody may import schemas; schemas imports nothing of pathline.
package schemas
