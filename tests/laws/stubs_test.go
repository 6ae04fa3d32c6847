package laws

import (
	"fmt"
	"slices"
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/session"
	"github.com/bpftime-go/bpftime/tests/internal/host"
	"github.com/bpftime-go/bpftime/trampoline"
)

// A stub is the code that runs for one patch, from the jump's target to the jump back, data left out.
type stub struct {
	patch plan.Patch
	code  []byte
}

// follow collects the instructions of a stub. Own instructions that go on behind data are known by their form.
func follow(u *plan.Unit, p plan.Patch) (stub, error) {
	s := stub{patch: p}
	for at, furthest := p.Stub, p.Stub; ; {
		in, err := x86.Decode(u.Code[at:])
		if err != nil {
			return s, fmt.Errorf("+%#x: %w", at, err)
		}
		b := u.Code[at : at+uint32(in.Len)]
		s.code = append(s.code, b...)
		next := at + uint32(in.Len)
		target, direct := in.Target(b, uint64(at))
		inside := direct && !relocated(u, at, next) && target < uint64(len(u.Code))
		if inside && in.Flow() != x86.FlowJump {
			furthest = max(furthest, uint32(target))
		}
		switch {
		case in.Flow() == x86.FlowJump && inside: // over a list of runs
			next = uint32(target)
		case in.Flow() == x86.FlowJumpIndirect && in.RIPRelative() && u.Code[at-6] == 0xff && u.Code[at-5] == 0x35:
			next = (next+7)&^7 + 16 // push body; jmp *return; body_slot, runs; body
		case next > furthest && (in.Flow() == x86.FlowJump || in.Flow() == x86.FlowJumpIndirect || in.Flow() == x86.FlowRet):
			return s, nil
		}
		if at = next; at >= u.Len() || len(s.code) > 400 {
			return s, fmt.Errorf("no end from +%#x on", p.Stub)
		}
	}
}

// relocated: the instruction's displacement is filled in by the applier, so it leaves the unit.
func relocated(u *plan.Unit, lo, hi uint32) bool {
	for _, r := range u.Relocs {
		if r.Kind == abi.RELOC_MODULE_REL32 && r.At >= lo && r.At < hi {
			return true
		}
	}
	return false
}

// place puts programs on each function of a file, or on each nth, also on second instructions and as sessions, and on
// the dynamic linker's hook.
func place(t *testing.T, path string, step int, program trampoline.Program) *plan.Unit {
	t.Helper()
	file, err := elfsym.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var addrs []uint64
	for i, f := range file.Functions() {
		if i%step == 0 {
			addrs = append(addrs, f.Lo)
		}
	}
	a := trampoline.NewArena(&plan.Unit{Path: path}, file, addrs)
	program.Code = a.Emit(0xc3)
	programs := []trampoline.Program{program}
	if hook, err := file.Lookup("_dl_debug_state"); err == nil && file.Interp() == "" {
		if err := trampoline.PlaceHook(a, hook[0].Value, abi.HELPER_DL_STATE); err != nil {
			t.Errorf("hook: %v", err)
		}
	}
	var left []int
	placeAt := func(i int) {
		p := trampoline.Probes{Entry: programs, Return: programs}
		switch i % 5 {
		case 1:
			p.Entry = nil
		case 2:
			p.Return = nil
		case 3:
			p = trampoline.Probes{Session: programs}
		case 4:
			p = trampoline.Probes{At: atSecond(file, addrs[i], programs)}
		}
		o := trampoline.PlaceAll(a, addrs[i], p)
		if o.Entry.Err != nil || len(o.At) > 0 && o.At[0].Err != nil {
			left = append(left, i)
		}
	}
	for i := range addrs {
		placeAt(i)
	}
	a.Last()
	for _, i := range slices.Clone(left) {
		placeAt(i)
	}
	return a.Unit
}

// atSecond is a program at the second instruction of a function.
func atSecond(file *elfsym.File, addr uint64, programs []trampoline.Program) []trampoline.Point {
	b, err := file.Bytes(addr, 15)
	if err != nil {
		return nil
	}
	in, err := x86.Decode(b)
	if err != nil {
		return nil
	}
	return []trampoline.Point{{Addr: addr + uint64(in.Len), Programs: programs}}
}

// own are the instructions that a stub may have beyond those it displaced.
var own = map[string]string{
	"call": "the thunk, through a slot; what a displaced call becomes", "jmp": "the return thunk, over a list, and back to the site",
	"push": "the body's address for the return thunk; the return address of a displaced call",
	"pop":  "puts that address where the call's was", "ret": "of tactic (c)", "j": "a short branch that became long",
	"mov": "an address relative to rip that became absolute", "movabs": "the same", "lea": "the same, and rsp", "nop": "padding",
	"int3": "behind a call that never comes back there",
}

// traits are what a stub may have only as often as the code it displaced.
var traits = map[string]func(insn) bool{
	"vector register": insn.usesVectors, "lock": insn.locks, "popf": insn.popsFlags,
	"syscall": func(i insn) bool { return i.name == "syscall" || i.name == "sysenter" || i.name == "int" },
	"segment": func(i insn) bool { return i.has("fs") || i.has("gs") },
}

// TestStubs looks at every stub of the hazards and of libc: beyond the displaced instructions there is only what is
// listed, no vector register, no lock, no popf.
func TestStubs(t *testing.T) {
	hazards, detours := host.Victim(t, "hazards.c", "hazards.S"), host.Victim(t, "detours.c", "detours.S", "-pthread")
	tactics := map[string]int{}
	for _, c := range []struct {
		path string
		step int
	}{
		{hazards, 1}, {detours, 1}, {"/lib/x86_64-linux-gnu/libc.so.6", host.Scale(7, 1)}, {"/lib64/ld-linux-x86-64.so.2", 1},
	} {
		for _, program := range []trampoline.Program{{Leaf: true}, {}, {Writes: true, Overrides: true}} {
			u := place(t, c.path, c.step, program)
			for _, p := range u.Patches {
				tactics[session.TacticName(p.Tactic)]++
			}
			checkStubs(t, u)
			thunks(u, tactics)
		}
	}
	t.Logf("%v", tactics)
	for _, kind := range []string{"jump", "padding", "short", "evict", "return-c", "thunk 1", "thunk 2", "thunk 3", "thunk 4", "thunk 5", "thunk 6", "thunk 7", "thunk 8",
		"thunk 16", "thunk 20", "thunk 25", "thunk 26", "thunk 27", "thunk 32", "thunk 40", "thunk 41", "thunk 42", "thunk 52"} {
		if tactics[kind] == 0 {
			t.Errorf("no stub of the kind %q among them: %v", kind, tactics)
		}
	}
}

// thunks counts the helpers that a unit calls, by number.
func thunks(u *plan.Unit, n map[string]int) {
	for _, r := range u.Relocs {
		if r.Kind == abi.RELOC_HELPER_ABS64 {
			n[fmt.Sprintf("thunk %d", r.Sym)]++
		}
	}
}

// checkStubs disassembles all stubs of a unit, and what they displaced, in one go.
func checkStubs(t *testing.T, u *plan.Unit) {
	t.Helper()
	var blob []byte
	var starts []uint64 // of a stub and of its original, in turn
	add := func(code []byte) {
		starts = append(starts, uint64(len(blob)))
		blob = append(append(blob, code...), 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90)
	}
	patches := slices.DeleteFunc(slices.Clone(u.Patches), func(p plan.Patch) bool { return isHole(u, p) })
	for _, p := range patches {
		evicted := p.Tactic&abi.TACTIC_EVICT != 0 && p.RelAt != abi.PATCH_NO_REL
		s, err := follow(u, p)
		if err != nil {
			t.Errorf("%s+%#x: %v", u.Path, p.Vaddr, err)
		}
		if first := s.code[0]; first != 0xff && first != 0x48 && p.Tactic&abi.TACTIC_RETURN_C == 0 && !evicted {
			t.Errorf("%s+%#x: the stub does not begin with a call, push or lea of ours: %x", u.Path, p.Vaddr, s.code)
		}
		add(s.code)
		if evicted { // two jumps replace what leaves
			p.Orig = append(slices.Clone(p.Orig), second(u, p).Orig...)
		}
		add(p.Orig)
	}
	parts := make([][]insn, len(starts))
	at := 0
	for _, i := range disassembleBytes(t, blob, 0) {
		for at+1 < len(starts) && i.addr >= starts[at+1] {
			at++
		}
		parts[at] = append(parts[at], i)
	}
	for i, p := range patches {
		checkStub(t, fmt.Sprintf("%s+%#x", u.Path, p.Vaddr), parts[2*i], parts[2*i+1])
	}
}

// second is the patch right behind another.
func second(u *plan.Unit, p plan.Patch) plan.Patch {
	i := slices.IndexFunc(u.Patches, func(q plan.Patch) bool { return q.Vaddr == p.Vaddr+uint64(len(p.Text)) })
	return u.Patches[i]
}

// isHole: the patch replaces padding, and what its stub displaced is at a short jump that leads to it.
func isHole(u *plan.Unit, p plan.Patch) bool {
	return p.RelAt != abi.PATCH_NO_REL && slices.ContainsFunc(u.Patches, func(q plan.Patch) bool {
		return q.RelAt == abi.PATCH_NO_REL && q.Stub == p.Stub
	})
}

func checkStub(t *testing.T, where string, code, displaced []insn) {
	t.Helper()
	names := map[string]int{}
	for _, i := range displaced {
		names[baseName(i.name)]++
	}
	for _, i := range code {
		name := baseName(i.name)
		if names[name]--; names[name] < 0 && own[name] == "" {
			t.Errorf("%s: %v: neither displaced nor on the list; the stub is\n%v\nfor\n%v", where, i, code, displaced)
		}
	}
	for trait, has := range traits {
		n := 0
		for _, i := range code {
			if has(i) {
				n++
			}
		}
		for _, i := range displaced {
			if has(i) {
				n--
			}
		}
		if n > 0 {
			t.Errorf("%s: more %s than in what was displaced: %v for %v", where, trait, code, displaced)
		}
	}
}

func baseName(name string) string {
	if m := condition.FindStringSubmatch(name); m != nil && name != "jmp" {
		return m[1]
	}
	for _, long := range []string{"callq", "jmpq", "pushq", "popq", "retq", "movq", "leaq", "nopw", "nopl"} {
		if name == long {
			return name[:len(name)-1]
		}
	}
	return name
}
