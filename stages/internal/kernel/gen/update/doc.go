// Command update writes the assembly of package kernel/update: the definitions
// there, operation by operation, for AVX-512 and AVX2. A function takes the number
// of elements, a pointer for each slice and one to the scalars of the step.
package main
