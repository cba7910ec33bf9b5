// Package remote makes a stage in another process look like one in this
// process, and the other way round. It knows the kinds of stages and their
// services; it knows nothing of processes and sockets.
//
// The way of the data: Open starts a session and gives a pipeline.Stage. Its
// Check and Run send what arrived at the ports: of rows the schema, of services
// the facts that need not be asked again. Serve, on the other side, builds the
// implementation from its registry, gives it stand-ins for the ports, and sends
// back what the stage gives in the same way. From then on both sides call each
// other's objects: the host asks a path for coefficients or reads rows, a
// sampler in the plugin evaluates a field of the host.
//
// Everything that travels is the bits that the stage made, so results are the
// same as in one process. What is data is sent as data: a Runge-Kutta method is
// its tableau and runs at the host.
//
// A trained flow travels as the name of its file, with the parts that its reader
// may not have: stand-ins of what may itself be in a third process. A network or
// a field is asked for whole batches, and computes them on the threads of its
// instance.
//
// To add a kind whose services are called, write one file with a binding (what
// is told once, what is asked, the stand-in) and name it in bindings.
package remote
