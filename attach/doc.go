// Package attach joins programs and sites into a plan. It is the only package
// that knows both halves.
//
// Protocol. Compile is given a manifest, the modules of a process (or the files
// that were just loaded into it) and the session's directory; it makes the map
// files the programs use, resolves every specification to functions, has
// trampoline place the programs there, and returns the plan. It changes nothing
// in the process. A specification that cannot be attached is told to the log and
// to its link; whether that stops the others is the manifest's on_error.
//
//	Compile → objects (object.go) → programs (code.go), maps (mapfiles.go)
//	        → bindings (program, specification) → sites (resolve.go: module, function; usdt.go: markers)
//	        → units (units.go, one a module)
//
// A specification whose file is on disk but not loaded becomes a late unit; one
// that names a module nobody has seen becomes a wish (Plan.Wants).
package attach
