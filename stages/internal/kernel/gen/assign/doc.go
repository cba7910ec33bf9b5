// Command assign writes the assembly of package kernel/assign, for AVX-512 and
// AVX2: the definitions there, several columns at a time.
package main
