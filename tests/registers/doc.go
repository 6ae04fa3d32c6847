// Package registers comes to probed sites with random values in all registers, in the flags, in the red zone and on the
// stack, and compares what is there afterwards, and what programs were given, with the same run without probes.
package registers
