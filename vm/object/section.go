package object

import (
	"fmt"
	"slices"
	"strings"
)

// Section is a section name that says where a program attaches, as libbpf
// reads it: [?]KIND[.s][/TARGET].
type Section struct {
	Name      string // as it stands in the file
	Kind      string // libbpf's name without aliases: "uprobe"; "" if unknown
	Sleepable bool   // the .s form
	Target    string // what follows the '/'
	Optional  bool   // begins with '?': attached only where a manifest says so
}

// kinds are the names that a program here can have, and whether there is a .s
// form of them (section_defs of libbpf).
var kinds = []struct {
	name, kind string
	sleepable  bool
}{
	{"uprobe", "uprobe", true},
	{"uretprobe", "uretprobe", true},
	{"uprobe.multi", "uprobe.multi", true},
	{"uretprobe.multi", "uretprobe.multi", true},
	{"uprobe.session", "uprobe.session", true},
	{"usdt", "usdt", true},
	{"tracepoint", "tracepoint", true},
	{"tp", "tracepoint", true},
	{"raw_tracepoint", "raw_tracepoint", true},
	{"raw_tp", "raw_tracepoint", true},
	{"tp_btf", "tp_btf", true},
	{"ksyscall", "ksyscall", false},
	{"kretsyscall", "kretsyscall", false},
}

// kernelOnly are the beginnings of names that mean something to the kernel, and
// what to do instead.
var kernelOnly = []struct{ names, instead string }{
	{"kprobe kretprobe kprobe.multi kretprobe.multi kprobe.session fentry fexit fmod_ret raw_tracepoint.w raw_tp.w iter",
		"functions of the kernel are out of reach of a process; uprobe/PATH:SYMBOL and ksyscall/NAME are not"},
	{"lsm lsm_cgroup freplace syscall struct_ops perf_event", "it attaches inside the kernel"},
	{"xdp tc tcx netkit classifier action socket sk_skb sk_msg sk_lookup sk_reuseport sockops flow_dissector netfilter " +
		"lwt_in lwt_out lwt_xmit lwt_seg6local cgroup cgroup_skb", "it attaches to the kernel's network"},
}

// ParseSection reads the name of a section. A name that is not understood gives
// a Section without a Kind.
func ParseSection(name string) Section {
	s := Section{Name: name}
	text, optional := strings.CutPrefix(name, "?")
	s.Optional = optional
	kind, target, _ := strings.Cut(text, "/")
	base, sleepable := strings.CutSuffix(kind, ".s")
	for _, k := range kinds {
		if k.name == base && (k.sleepable || !sleepable) {
			s.Kind, s.Sleepable, s.Target = k.kind, sleepable, target
		}
	}
	return s
}

// AttachSpec is the attach specification that the section is, without '?'. It
// fails for a section that says nowhere.
func (s Section) AttachSpec() (string, error) {
	text := strings.TrimPrefix(s.Name, "?")
	switch {
	case s.Kind != "" && s.Target != "":
		return text, nil
	case s.Kind != "":
		return "", fmt.Errorf("SEC(%q) says not where to attach; say it in the manifest: attach: {PROGRAM: %s/…}", s.Name, s.Kind)
	}
	kind, _, _ := strings.Cut(text, "/")
	kind = strings.TrimSuffix(kind, ".s")
	for _, k := range kernelOnly {
		if slices.Contains(strings.Fields(k.names), kind) {
			return "", fmt.Errorf("SEC(%q) attaches nowhere in a process: %s", s.Name, k.instead)
		}
	}
	known := make([]string, len(kinds))
	for i, k := range kinds {
		known[i] = k.name
	}
	return "", fmt.Errorf("SEC(%q) is no place to attach to; %s", s.Name, suggest(kind, known))
}
