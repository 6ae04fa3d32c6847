// Package abi is the one place where layouts shared by Go, C and machine code
// are written down.
//
// Protocol. abi.h holds the numbers; gen.go turns them into constants.go
// (`go generate`, checked by CI); structs.h is the C view, proven against the
// numbers by _Static_assert at every compilation. A layout that outlives a
// process (session and map files, plans) carries a magic and a version, and
// whoever opens it checks both and every size before anything else.
package abi

//go:generate go run gen.go
