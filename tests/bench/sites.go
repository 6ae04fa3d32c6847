package main

// prober is who puts the probe on a site.
type prober int

const (
	nobody prober = iota
	hostItself
	theAgent
	theKernel
)

// site is one variant of the function under test in c/sites.S, with the programs that it is to have.
type site struct {
	name             string // of the host's variant
	by               prober
	entries, returns int // programs at the entry and at the return; each counts once a call
}

func (s site) symbol() string { return "f_" + s.name }

// hitsPerCall is what an intact site counts.
func (s site) hitsPerCall() uint64 { return uint64(s.entries + s.returns) }

var sites = []site{
	{"plain", nobody, 0, 0},
	{"jump", nobody, 0, 0}, // the host's jump has no program that could count
	{"limit_entry", hostItself, 1, 0},
	{"limit_entry2", hostItself, 2, 0},
	{"limit_entry3", hostItself, 3, 0},
	{"limit_full", hostItself, 1, 0},
	{"limit_return", hostItself, 0, 1},
	{"limit_both", hostItself, 1, 1},
	{"limit_shadow", hostItself, 1, 1},
	{"ours_entry", theAgent, 1, 0},
	{"ours_entry2", theAgent, 2, 0},
	{"ours_entry3", theAgent, 3, 0},
	{"ours_return", theAgent, 0, 1},
	{"ours_both", theAgent, 1, 1},
	{"kernel_nop5_entry", theKernel, 1, 0},
	{"kernel_nop5_entry2", theKernel, 2, 0},
	{"kernel_nop5_entry3", theKernel, 3, 0},
	{"kernel_nop5_both", theKernel, 1, 1},
	{"kernel_push_entry", theKernel, 1, 0},
	{"kernel_push_both", theKernel, 1, 1},
	{"kernel_mov_entry", theKernel, 1, 0},
	{"kernel_mov_both", theKernel, 1, 1},
}

// sitesOf are the sites that one party probes.
func sitesOf(by prober) []site {
	var chosen []site
	for _, s := range sites {
		if s.by == by {
			chosen = append(chosen, s)
		}
	}
	return chosen
}

// row is one line of a table: a site compared with a base, and by ratio with the limit's row of the same table.
type row struct {
	label string
	site  string
	base  string
	limit string // site of the row that is the limit; empty: no ratio
	goal  goal
}

// probeTables are the rows of the budget that this command measures, in its order.
var probeTables = []struct {
	title string
	rows  []row
}{
	{"uprobe, hot", []row{
		{label: "plain call", site: "plain", base: "plain"},
		{label: "a jump there and back, no program", site: "jump", base: "plain"},
		{label: "limit: by hand", site: "limit_entry", base: "plain"},
		{label: "limit: by hand, all of pt_regs", site: "limit_full", base: "plain"},
		{label: "ours", site: "ours_entry", base: "plain", limit: "limit_entry", goal: goal{most: 3, ratio: 2}},
		{label: "kernel, nop5 first", site: "kernel_nop5_entry", base: "plain", limit: "limit_entry"},
		{label: "kernel, push first", site: "kernel_push_entry", base: "plain", limit: "limit_entry"},
		{label: "kernel, mov first", site: "kernel_mov_entry", base: "plain", limit: "limit_entry"},
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
