// Package tool prints what those gadgets find that are named after a tool of the
// kernel's, as that tool prints it.
//
// Protocol. Data in, rows out; nothing is opened. Whoever follows a session makes one
// Snoop or Syscount for the gadget's options, prints Header, and then
//
//	a record of the ring, decoded ── Record ──▶ rows
//	now and then                  ── Tick   ──▶ rows that need no more waiting
//	at the end                    ── End    ──▶ the rest
//	what the maps count           ── Table  ──▶ rows
//
// A row has a form for people and one for programs. Text from other processes is cleaned
// of what a terminal would obey.
package tool

import (
	"strings"
	"time"

	"github.com/bpftime-go/bpftime/cmd/bpftime/internal/show"
	"github.com/bpftime-go/bpftime/gadgets"
)

// A Row is one line, or a few.
type Row struct {
	Text string // whole lines
	JSON any
}

// A Snoop makes rows of records.
type Snoop interface {
	Header() string
	Record(o show.Object) []Row
	Tick(now time.Time) []Row
	End() []Row
}

// A Clock says what time of day it was by a program's clock.
type Clock func(ns uint64) time.Time

// NewSnoop is the printer of a gadget's records; nil: it has none of its own.
func NewSnoop(gadget string, o gadgets.Options, clock Clock) Snoop {
	switch gadget {
	case "opensnoop":
		return &opensnoop{o, clock}
	case "execsnoop":
		return &execsnoop{Options: o, clock: clock}
	}
	return nil
}

// clean makes a text fit for one line.
func clean(s string) string {
	return show.Clean(strings.NewReplacer("\n", `\n`, "\t", `\t`).Replace(s))
}

func number(o show.Object, name string) int64 {
	switch v := o.Field(name).(type) {
	case uint64:
		return int64(v)
	case int64:
		return v
	}
	return 0
}

func text(o show.Object, name string) string {
	s, _ := o.Field(name).(string)
	return s
}
