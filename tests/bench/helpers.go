package main

import "slices"

// helperCalls is how often a program calls its helper, tailCalls how often one goes on with another: CALLS in c/programs.h,
// and the kernel's limit.
const (
	helperCalls = 32
	tailCalls   = 33
)

// use is what a program does again and again in each hit: calls times more than the base program.
type use struct {
	program, label, base string
	calls                int
	goal                 goal
	least                string // of c/least.c: the same by hand
}

// helpers is the experiment with programs that call one helper again and again, with guarded reads, and with them the
// sight of prctl that names of threads are kept by.
var helpers = newExperiment("helpers", "programs", "guarded", true, table{title: "one call of a helper, reads: guarded"}, []use{
	{"read", "bpf_probe_read_user, 8 bytes", "none", helperCalls, goal{most: 2}, ""},
	{"bad", "bpf_probe_read_user, a bad address", "none", helperCalls, goal{}, ""},
	{"pid", "bpf_get_current_pid_tgid", "none", helperCalls, goal{most: 1}, ""},
	{"comm", "bpf_get_current_comm", "none", helperCalls, goal{most: 2}, ""},
	{"ktime", "bpf_ktime_get_ns", "none", helperCalls, goal{most: 15}, ""},
})

// asked is the same as the agent comes, where the kernel is asked to read, and for names.
var asked = newExperiment("asked", "programs", "", false, table{title: "one call of a helper, reads: kernel"}, []use{
	{"read", "bpf_probe_read_user, 8 bytes", "none", helperCalls, goal{}, ""},
	{"bad", "bpf_probe_read_user, a bad address", "none", helperCalls, goal{}, ""},
	{"comm", "bpf_get_current_comm", "none", helperCalls, goal{}, ""},
})

// inMaps is the experiment with programs that use maps and rings, and helpers that run other programs.
var inMaps = newExperiment("maps", withMaps, "", true, table{title: "one use of a map, keys of 8 bytes, an array's of 4"}, []use{
	{"array", "array, lookup", "key", helperCalls, goal{most: 1}, "array"},
	{"array_update", "array, update", "key", helperCalls, goal{}, ""},
	{"percpu_array", "per-CPU array, lookup", "key", helperCalls, goal{}, ""},
	{"hash", "hash, lookup", "key", helperCalls, goal{most: 4}, "hash"},
	{"hash_miss", "hash, lookup of what is not there", "key", helperCalls, goal{}, ""},
	{"hash_update", "hash, update", "key", helperCalls, goal{most: 12}, "hash_update"},
	{"hash_insert", "hash, insert + delete", "key", helperCalls, goal{most: 30}, "hash_insert"},
	{"percpu_hash", "per-CPU hash, lookup", "key", helperCalls, goal{most: 5}, ""},
	{"percpu_hash_update", "per-CPU hash, update", "key", helperCalls, goal{most: 12}, ""},
	{"lru_hash", "LRU hash, lookup", "key", helperCalls, goal{}, ""},
	{"lru_hash_update", "LRU hash, update", "key", helperCalls, goal{}, ""},
	{"lru_hash_evict", "LRU hash, insert into a full one", "key", helperCalls, goal{}, ""},
	{"lpm_trie", "LPM trie, lookup", "key", helperCalls, goal{}, ""},
	{"lpm_trie_second", "LPM trie, lookup, by a shorter prefix", "key", helperCalls, goal{}, ""},
	{"lpm_trie_update", "LPM trie, update", "key", helperCalls, goal{}, ""},
	{"queue", "queue, push + pop", "key", helperCalls, goal{}, ""},
	{"stack", "stack, push + pop", "key", helperCalls, goal{}, ""},
	{"filter", "Bloom filter, peek", "key", helperCalls, goal{}, ""},
	{"stackid", "stack trace, bpf_get_stackid", "key", helperCalls, goal{}, ""},
	{"ring_output", "ring buffer, output of 64 bytes", "key", helperCalls, goal{most: 18}, "ring"},
	{"ring_reserve", "ring buffer, reserve + submit of 64 bytes", "key", helperCalls, goal{most: 18}, "ring"},
	{"perf_output", "perf_event_output of 64 bytes", "key", helperCalls, goal{}, ""},
	{"user_ring_drain", "user ring buffer, drain, a record", "none", helperCalls, goal{}, ""},
	{"tail_call", "bpf_tail_call", "none", tailCalls, goal{}, ""},
	{"loops", "bpf_loop, one turn", "none", helperCalls, goal{}, ""},
	{"each_array", "bpf_for_each_map_elem, array, an element", "none", helperCalls, goal{}, ""},
	{"each_hash", "bpf_for_each_map_elem, hash, an element", "none", helperCalls, goal{}, ""},
})

// limit is the site of the row that is the limit, or none.
func (u use) limit() string {
	if u.least == "" {
		return ""
	}
	return "least_" + u.least
}

// newExperiment has a row for each use in the host, and beside it one for the kernel's, each against its own base; before
// them, where there is one, the limit.
func newExperiment(name, object, reads string, kernel bool, t table, uses []use) experiment {
	e := experiment{name: name, object: object, reads: reads}
	bases := map[string]bool{}
	for _, u := range uses {
		if name := u.limit(); name != "" && !bases[name] {
			bases[name] = true
			e.addSite("least_key")
			e.addSite(name)
			t.rows = append(t.rows, row{label: "by hand: " + u.label, site: name, base: "least_key", calls: u.calls})
		}
		if !bases[u.base] {
			e.sites = append(e.sites, sitesOf(u.base, kernel)...)
		}
		bases[u.base] = true
		e.sites = append(e.sites, sitesOf(u.program, kernel)...)
		t.rows = append(t.rows, row{label: u.label, site: "ours_" + u.program, base: "ours_" + u.base, limit: u.limit(), goal: u.goal, calls: u.calls})
		if kernel {
			t.rows = append(t.rows, row{label: "  the kernel's", site: "kernel_nop5_" + u.program, base: "kernel_nop5_" + u.base, calls: u.calls})
		}
	}
	e.tables = []table{t}
	return e
}

// addSite adds one that nobody probes, once.
func (e *experiment) addSite(name string) {
	if !slices.ContainsFunc(e.sites, func(s site) bool { return s.name == name }) {
		e.sites = append(e.sites, site{name: name})
	}
}

func sitesOf(program string, kernel bool) []site {
	s := site{entries: 1, program: program, prepared: ringOf[program] != ""}
	ours, theirs := s, s
	ours.name, ours.by = "ours_"+program, theAgent
	theirs.name, theirs.by = "kernel_nop5_"+program, theKernel
	if !kernel {
		return []site{ours}
	}
	return []site{ours, theirs}
}
