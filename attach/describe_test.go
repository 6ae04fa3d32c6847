package attach_test

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/session"
)

// describe writes a plan as its reader sees it: encoded, checked and decoded. Every
// site is followed by the programs that run there, in the order in which they run.
//
//	link NAME entry jump                     or: link NAME return refused 1: REASON
//	map FILE SIZE
//	wish PATH
//	unit PATH late id 0123…
//	  first jump: entry 0; return 1 cookie 1 calls 1 map 0
//
// A number behind entry or return is a link's; behind it stand its cookie, unless
// that is 0, and what its program refers to: helpers by the kernel's numbers, and
// maps, in the order of its code. dir is cut from paths.
func describe(t *testing.T, p *plan.Plan, dir string) string {
	t.Helper()
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if p, err = plan.Decode(b); err != nil {
		t.Fatal(err)
	}
	var w strings.Builder
	for _, l := range p.Links {
		fmt.Fprintf(&w, "link %s %s%s\n", l.Name, kinds[l.Kind], outcome(l))
	}
	for _, m := range p.Maps {
		fmt.Fprintf(&w, "map %s %d\n", m.Path, m.Size)
	}
	for _, path := range p.Wants {
		fmt.Fprintf(&w, "wish %s\n", path)
	}
	for _, u := range p.Units {
		describeUnit(t, &w, u)
	}
	return strings.ReplaceAll(w.String(), dir+"/", "")
}

var kinds = map[uint32]string{abi.LINK_ENTRY: "entry", abi.LINK_RETURN: "return"}

func outcome(l plan.Link) (s string) {
	if l.Tactic != 0 {
		s += " " + session.TacticName(l.Tactic)
	}
	if l.Refused != 0 || l.Why != "" {
		s += fmt.Sprintf(" refused %d: %s", l.Refused, l.Why)
	}
	return s
}

func describeUnit(t *testing.T, w *strings.Builder, u *plan.Unit) {
	t.Helper()
	fmt.Fprintf(w, "unit %s", u.Path)
	if u.Late {
		w.WriteString(" late")
	}
	if u.Hook {
		w.WriteString(" hook")
	}
	if len(u.BuildID) > 0 {
		fmt.Fprintf(w, " id %x", u.BuildID)
	}
	w.WriteString("\n")
	f, err := elfsym.Open(u.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, x := range u.Patches {
		fmt.Fprintf(w, "  %s %s: %s\n", nameOf(f, x.Vaddr), session.TacticName(x.Tactic), leadsTo(t, f, u, x))
	}
	for _, vaddr := range u.Semaphores {
		fmt.Fprintf(w, "  semaphore %s\n", inSection(t, u.Path, vaddr))
	}
	for _, r := range u.Relocs {
		if u.Hook && r.Kind == abi.RELOC_HELPER_ABS64 {
			fmt.Fprintf(w, "  calls helper %d\n", r.Sym)
		}
	}
}

// leadsTo is what a patch leads to: programs, or of a jump that others jump to, whose.
func leadsTo(t *testing.T, f *elfsym.File, u *plan.Unit, x plan.Patch) string {
	for _, y := range u.Patches {
		if y.RelAt == abi.PATCH_NO_REL && y.Stub == x.Stub && y.Vaddr != x.Vaddr {
			return "-> " + nameOf(f, y.Vaddr)
		}
	}
	return strings.Join(runs(t, u, x), "; ")
}

// inSection is where in a section of the file an address is.
func inSection(t *testing.T, path string, vaddr uint64) string {
	t.Helper()
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, s := range f.Sections {
		if s.Addr != 0 && vaddr-s.Addr < s.Size {
			return fmt.Sprintf("%s+%d", s.Name, vaddr-s.Addr)
		}
	}
	return "nowhere"
}

// functions are the names of testdata/lib.s and usdt.s; of aliases only one.
var functions = []string{"first", "second", "tiny", "no_return", "implementation", "twin", "_dl_debug_state", "late_only", "main", "begins", "near", "tight", "wrong", "crowded", "short"}

func nameOf(f *elfsym.File, vaddr uint64) string {
	for _, name := range functions {
		symbols, _ := f.Lookup(name)
		for i, s := range symbols {
			if s.Value == vaddr && len(symbols) > 1 {
				return fmt.Sprintf("%s#%d", name, i)
			} else if s.Value == vaddr {
				return name
			} else if s.Value < vaddr && vaddr < s.Value+s.Size {
				return fmt.Sprintf("%s+%#x", name, vaddr-s.Value)
			}
		}
	}
	if symbols, err := f.Lookup("short"); err == nil && vaddr > symbols[0].Value {
		return fmt.Sprintf("short%+d", vaddr-symbols[0].Value)
	}
	return fmt.Sprintf("%#x", vaddr)
}

// runs lists the programs of a patch. The list of those on entry, or at an offset, is
// found by the pointer before the stub, that of those on return before the stub's body,
// which follows its second slot.
func runs(t *testing.T, u *plan.Unit, x plan.Patch) (out []string) {
	t.Helper()
	if at, ok := arena(u, x.Stub-8); ok {
		kind := "entry"
		if u.Code[x.Stub] == 0x48 && u.Code[x.Stub+4] == 0x80 { // lea -128(%rsp), %rsp; of a session it is -64
			kind = "offset"
		}
		out = append(out, list(t, u, x, kind, at)...)
	}
	for at := x.Stub &^ 7; at < x.Stub+48; at += 8 {
		body, ok := arena(u, at)
		if ok && body == at+16 {
			runs, _ := arena(u, at+8)
			out = append(out, list(t, u, x, "return", runs)...)
		}
	}
	return out
}

// reloc is the relocation of a kind at an offset of the unit's code.
func reloc(u *plan.Unit, kind, at uint32) (plan.Reloc, bool) {
	i := slices.IndexFunc(u.Relocs, func(r plan.Reloc) bool { return r.Kind == kind && r.At == at })
	if i < 0 {
		return plan.Reloc{}, false
	}
	return u.Relocs[i], true
}

func arena(u *plan.Unit, at uint32) (uint32, bool) {
	r, ok := reloc(u, abi.RELOC_ARENA_ABS64, at)
	return uint32(r.Addend), ok
}

// list reads run records until one has no program.
func list(t *testing.T, u *plan.Unit, x plan.Patch, kind string, at uint32) (out []string) {
	t.Helper()
	for ; ; at += abi.RUN_SIZE {
		code, ok := arena(u, at+abi.RUN_FN)
		if !ok {
			if fn := binary.LittleEndian.Uint64(u.Code[at:]); fn != 0 {
				t.Errorf("a list of runs ends with %#x", fn)
			}
			return out
		}
		link, _ := reloc(u, abi.RELOC_LINK_COUNTER32, at+abi.RUN_COUNTER)
		ip, _ := reloc(u, abi.RELOC_MODULE_ABS64, at+abi.RUN_IP)
		if ip.Addend != int64(x.Vaddr) {
			t.Errorf("run at %#x: link %d, function %#x at site %#x", at, link.Sym, ip.Addend, x.Vaddr)
		}
		cookie := binary.LittleEndian.Uint64(u.Code[at+abi.RUN_COOKIE:])
		out = append(out, fmt.Sprintf("%s %d", kind, link.Sym)+number(" cookie", cookie)+refersTo(u, code))
	}
}

func number(name string, n uint64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%s %d", name, n)
}

// refersTo lists the helpers and the maps of the program that begins at code. What
// is behind it refers to neither, except for other programs.
func refersTo(u *plan.Unit, code uint32) string {
	end := uint32(len(u.Code))
	for _, at := range programs(u) {
		if at > code {
			end = min(end, at)
		}
	}
	calls, uses := "", ""
	for _, r := range u.Relocs {
		switch {
		case r.At < code || r.At >= end:
		case r.Kind == abi.RELOC_HELPER_ABS64 && r.Sym >= abi.HELPER_BPF:
			calls += fmt.Sprintf(" %d", r.Sym-abi.HELPER_BPF)
		case r.Kind == abi.RELOC_MAP_ABS64 && r.Addend != 0:
			uses += fmt.Sprintf(" map %d+%d", r.Sym, r.Addend)
		case r.Kind == abi.RELOC_MAP_ABS64:
			uses += fmt.Sprintf(" map %d", r.Sym)
		}
	}
	if calls != "" {
		calls = " calls" + calls
	}
	return calls + uses
}

// programs are where the programs of a unit begin, one entry for each run of one.
func programs(u *plan.Unit) (out []uint32) {
	for _, r := range u.Relocs {
		if r.Kind == abi.RELOC_LINK_COUNTER32 {
			if at, ok := arena(u, r.At-abi.RUN_COUNTER+abi.RUN_FN); ok {
				out = append(out, at)
			}
		}
	}
	return out
}
