// Package show turns memory that eBPF programs wrote into text for people and JSON
// for programs, and back.
//
// Protocol. Everything is data in, data out; nothing is opened and nothing is kept:
//
//	bytes, BTF type ── Decode ──▶ Value ── Text, JSON ──▶ what is printed
//	                                │
//	                     Fold       └── Histograms ──▶ Log2
//	text, BTF type ── Encode ──▶ bytes
//
// Bytes and types are hostile input: both come from files that other processes
// write. Nesting and the number of values are bounded, no offset is trusted, and
// bytes that do not fit their type are shown as bytes.
//
// What is printed fits 80 columns where a single word does not forbid it. Only the
// last column of a Table may be longer, so that the others stay aligned and nothing
// is cut off.
package show
