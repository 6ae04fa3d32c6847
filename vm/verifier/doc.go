// Package verifier says which programs may run without run-time checks.
//
// Protocol. Verify takes a validated program and what it will be given (helpers,
// maps, context) and returns the proof that vm/jit asks for; nobody else makes
// one. A program that is refused comes back with the instruction and the reason.
//
// Today's proof is structural, see Limits: it does not show that a program ends,
// nor that every pointer is good. Whoever runs what it accepts tells the user so,
// once.
package verifier
