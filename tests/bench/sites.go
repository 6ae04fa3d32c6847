package main

import (
	"fmt"
	"slices"
)

// prober is who puts the probe on a site.
type prober int

const (
	nobody prober = iota
	hostItself
	theAgent
	theKernel
)

// sweepFunctions is how many functions one call of a sweep runs: COLD in c/cold.S.
const sweepFunctions = 4096

// site is one variant of the function under test in c/sites.S, or a sweep over many in c/cold.S, with the programs that it
// is to have.
type site struct {
	name             string // of the host's variant
	by               prober
	entries, returns int    // programs at the entry and at the return; each counts once a call
	pattern          string // of a sweep: the functions that it calls
	offset           int    // of the instruction that is probed instead of the entry
	session          bool   // one program runs at the entry and at the return
	program          string // of the experiment's object; empty: one that only counts
	prepared         bool   // somebody sees to a ring before each sample
}

// symbol is what the site's probes are attached to: a function, or a pattern of functions.
func (s site) symbol() string {
	if s.pattern != "" {
		return s.pattern
	}
	if s.offset != 0 {
		return fmt.Sprintf("f_%s+%#x", s.name, s.offset)
	}
	return "f_" + s.name
}

// hitsPerCall is what an intact site counts.
func (s site) hitsPerCall() uint64 {
	if s.pattern != "" {
		return uint64(s.entries+s.returns) * sweepFunctions
	}
	return uint64(s.entries + s.returns)
}

// specs are the attach specifications for the agent, one for each program.
func (s site) specs(file string) []string {
	place := "/" + file + ":" + s.symbol()
	if s.pattern != "" {
		return slices.Repeat([]string{"uprobe.multi" + place}, s.entries)
	}
	if s.session {
		return []string{"uprobe.session" + place}
	}
	return append(slices.Repeat([]string{"uprobe" + place}, s.entries), slices.Repeat([]string{"uretprobe" + place}, s.returns)...)
}

// experiment is one run of the host: sites that are timed side by side, and the tables made of them.
type experiment struct {
	name   string
	sites  []site
	tables []table
	object string // of c/, what the sites' programs are in
	reads  string // of the agent's manifest; empty: the default
}

// table is a title and its rows.
type table struct {
	title string
	rows  []row
}

// row is one line of a table: a site compared with a base, and by ratio with the limit's row of the same table.
type row struct {
	label string
	site  string
	base  string
	limit string // site of the row that is the limit; empty: no ratio
	goal  goal
	calls int // that one hit makes of what is measured; 0: the hit is
}

// sitesOf are the sites that one party probes.
func (e experiment) sitesOf(by prober) []site {
	var chosen []site
	for _, s := range e.sites {
		if s.by == by {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

// hot is the experiment with one function that is called again and again.
var hot = experiment{name: "hot", sites: hotSites, tables: hotTables, object: "programs"}

// secondInstruction of WORK in c/sites.S.
const secondInstruction = 3

var hotSites = []site{
	{name: "plain"},
	{name: "jump"}, // the host's jump has no program that could count
	{name: "limit_entry", by: hostItself, entries: 1},
	{name: "limit_entry2", by: hostItself, entries: 2},
	{name: "limit_entry3", by: hostItself, entries: 3},
	{name: "limit_full", by: hostItself, entries: 1},
	{name: "limit_return", by: hostItself, returns: 1},
	{name: "limit_both", by: hostItself, entries: 1, returns: 1},
	{name: "limit_shadow", by: hostItself, entries: 1, returns: 1},
	{name: "ours_entry", by: theAgent, entries: 1},
	{name: "ours_entry2", by: theAgent, entries: 2},
	{name: "ours_entry3", by: theAgent, entries: 3},
	{name: "ours_return", by: theAgent, returns: 1},
	{name: "ours_both", by: theAgent, entries: 1, returns: 1},
	{name: "ours_look", by: theAgent, entries: 1, program: "look"},
	{name: "ours_write", by: theAgent, entries: 1, program: "rewrite"},
	{name: "ours_offset", by: theAgent, entries: 1, offset: secondInstruction},
	{name: "ours_offset_look", by: theAgent, entries: 1, offset: secondInstruction, program: "look"},
	{name: "ours_offset_write", by: theAgent, entries: 1, offset: secondInstruction, program: "rewrite"},
	{name: "ours_session", by: theAgent, entries: 1, returns: 1, session: true},
	{name: "kernel_nop5_entry", by: theKernel, entries: 1},
	{name: "kernel_nop5_entry2", by: theKernel, entries: 2},
	{name: "kernel_nop5_entry3", by: theKernel, entries: 3},
	{name: "kernel_nop5_both", by: theKernel, entries: 1, returns: 1},
	{name: "kernel_push_entry", by: theKernel, entries: 1},
	{name: "kernel_push_both", by: theKernel, entries: 1, returns: 1},
	{name: "kernel_mov_entry", by: theKernel, entries: 1},
	{name: "kernel_mov_both", by: theKernel, entries: 1, returns: 1},
}

var hotTables = []table{
	{"uprobe, hot", []row{
		{label: "plain call", site: "plain", base: "plain"},
		{label: "a jump there and back, no program", site: "jump", base: "plain"},
		{label: "limit: by hand", site: "limit_entry", base: "plain"},
		{label: "limit: by hand, all of pt_regs", site: "limit_full", base: "plain"},
		{label: "ours", site: "ours_entry", base: "plain", limit: "limit_entry", goal: goal{most: 3, ratio: 2}},
		{label: "ours, a program that is given pt_regs", site: "ours_look", base: "plain", limit: "limit_full"},
		{label: "ours, one that writes to pt_regs", site: "ours_write", base: "plain", limit: "limit_full"},
		{label: "kernel, nop5 first", site: "kernel_nop5_entry", base: "plain", limit: "limit_entry"},
		{label: "kernel, push first", site: "kernel_push_entry", base: "plain", limit: "limit_entry"},
		{label: "kernel, mov first", site: "kernel_mov_entry", base: "plain", limit: "limit_entry"},
	}},
	{"uprobe inside a function, hot", []row{
		{label: "plain call", site: "plain", base: "plain"},
		{label: "ours", site: "ours_offset", base: "plain"},
		{label: "ours, a program that is given pt_regs", site: "ours_offset_look", base: "plain"},
		{label: "ours, one that writes to pt_regs", site: "ours_offset_write", base: "plain"},
	}},
	{"uretprobe, hot", []row{
		{label: "plain call", site: "plain", base: "plain"},
		{label: "limit: by hand, return address in place", site: "limit_return", base: "plain"},
		{label: "ours", site: "ours_return", base: "plain", limit: "limit_return"},
	}},
	{"uprobe + uretprobe, hot", []row{
		{label: "plain call", site: "plain", base: "plain"},
		{label: "limit: by hand, return address in place", site: "limit_both", base: "plain"},
		{label: "limit: by hand, shadow stack", site: "limit_shadow", base: "plain"},
		{label: "ours", site: "ours_both", base: "plain", limit: "limit_both", goal: goal{most: 7, ratio: 2}},
		{label: "ours, one program for both: uprobe.session", site: "ours_session", base: "plain", limit: "limit_both"},
		{label: "kernel, nop5 first", site: "kernel_nop5_both", base: "plain", limit: "limit_both"},
		{label: "kernel, push first", site: "kernel_push_both", base: "plain", limit: "limit_both"},
		{label: "kernel, mov first", site: "kernel_mov_both", base: "plain", limit: "limit_both"},
	}},
	{"each further program on a site", []row{
		{label: "limit: by hand, 2nd", site: "limit_entry2", base: "limit_entry"},
		{label: "limit: by hand, 3rd", site: "limit_entry3", base: "limit_entry2"},
		{label: "ours, 2nd", site: "ours_entry2", base: "ours_entry", limit: "limit_entry2", goal: goal{most: 2}},
		{label: "ours, 3rd", site: "ours_entry3", base: "ours_entry2", limit: "limit_entry3", goal: goal{most: 2}},
		{label: "kernel, nop5 first, 2nd", site: "kernel_nop5_entry2", base: "kernel_nop5_entry", limit: "limit_entry2"},
		{label: "kernel, nop5 first, 3rd", site: "kernel_nop5_entry3", base: "kernel_nop5_entry2", limit: "limit_entry3"},
	}},
}

// cold is the experiment with many probed functions, each called once before any is called again.
var cold = experiment{
	name: "cold",
	sites: []site{
		{name: "sweep_plain"},
		{name: "sweep_limit", by: hostItself, entries: 1, pattern: "f_cold_limit_*"},
		{name: "sweep_ours", by: theAgent, entries: 1, pattern: "f_cold_ours_*"},
	},
	tables: []table{{"uprobe, 4096 functions, each cold", []row{
		{label: "plain call", site: "sweep_plain", base: "sweep_plain"},
		{label: "limit: by hand, one thunk for all", site: "sweep_limit", base: "sweep_plain"},
		{label: "ours", site: "sweep_ours", base: "sweep_plain", limit: "sweep_limit", goal: goal{most: 12, ratio: 1.7}},
	}}},
}
