package trampoline_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/session"
	"github.com/bpftime-go/bpftime/trampoline"
)

// covered are programs and libraries in which nearly every entry must be patched;
// those that are here are looked at.
var covered = append([]string{
	"/usr/lib/x86_64-linux-gnu/libssl.so.3",
	"/usr/lib/x86_64-linux-gnu/libz.so.1",
	"/usr/lib/x86_64-linux-gnu/libgcc_s.so.1",
	"/usr/sbin/nginx",
	"/usr/bin/bash",
	"/usr/bin/git",
	"/usr/bin/perl",
	"/usr/lib/postgresql/*/bin/postgres",
}, swept...)

// least is the share of functions of five bytes and more, in percent, whose entry is
// patched without traps.
const least = 99.5

// TestCoverage places the entry of every function. The share that is patched is high
// enough, and what replaces a function's first instructions does what they did.
func TestCoverage(t *testing.T) {
	found := 0
	for _, pattern := range covered {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				found++
				t.Run(filepath.Base(path), func(t *testing.T) { cover(t, path) })
			}
		}
	}
	if found == 0 {
		t.Fatalf("none of %v is here", covered)
	}
}

func cover(t *testing.T, path string) {
	file := openFile(t, path)
	var addrs []uint64
	big := map[uint64]bool{}
	for _, fn := range file.Functions() {
		if isPart(file, fn) {
			continue // entered by a jump out of its function, with the frame open
		}
		addrs = append(addrs, fn.Lo)
		big[fn.Lo] = fn.Hi-fn.Lo >= 5
	}
	a := newArena(file, addrs...)
	tactics, refused := placeEntries(t, a, addrs)
	checkUnit(t, file, a.Unit)
	checkEntered(t, path, file, a)
	checkDisplaced(t, a.Unit)
	missed, of := 0, 0
	for _, addr := range addrs {
		if err := refused[addr]; err != nil && strings.HasPrefix(err.Error(), "it returns from a signal handler") {
			continue // nothing calls it
		}
		if big[addr] {
			of++
			if refused[addr] != nil {
				missed++
				t.Logf("%#x: %v", addr, refused[addr])
			}
		}
	}
	share := 100 * float64(of-missed) / float64(of)
	t.Logf("%.2f %% of %d functions of five bytes and more; of all %d: %v", share, of, len(addrs), tactics)
	if share < least {
		t.Errorf("%.2f %% of entries are patched, want %.1f %%", share, least)
	}
}

func isPart(file *elfsym.File, fn elfsym.Func) bool {
	rows, err := file.CFAs(fn)
	return err == nil && len(rows) > 0 && rows[0].CFA.Known && rows[0].CFA != elfsym.CFA{Reg: x86.RSP, Off: 8, Known: true}
}

// placeEntries counts the tactics, and keeps the reasons of those that are refused.
func placeEntries(t *testing.T, a *trampoline.Arena, addrs []uint64) (tactics map[string]int, refused map[uint64]error) {
	t.Helper()
	tactics, refused = map[string]int{}, map[uint64]error{}
	left := addrs
	for range 2 {
		var again []uint64
		for _, addr := range left {
			e, _ := trampoline.Place(a, addr, []trampoline.Program{{}}, nil)
			if refused[addr] = e.Err; e.Err != nil {
				again = append(again, addr)
				continue
			}
			tactics[session.TacticName(e.Tactic)]++
		}
		left = again
		a.Last()
	}
	return tactics, refused
}

// checkDisplaced compares the instructions that patches replace with those in the
// stubs: the same, but for where they stand.
func checkDisplaced(t *testing.T, u *plan.Unit) {
	t.Helper()
	relocs := map[uint32]plan.Reloc{}
	for _, r := range u.Relocs {
		relocs[r.At] = r
	}
	for i, p := range u.Patches {
		switch {
		case p.RelAt == abi.PATCH_NO_REL || isJump(p) && p.Tactic&(abi.TACTIC_SHORT|abi.TACTIC_EVICT) == 0: // programs, and then what the function did
			compare(t, u, relocs, p.Vaddr, p.Orig, p.Stub+6)
		case p.Tactic == abi.TACTIC_EVICT && u.Patches[i+1].Vaddr == p.Vaddr+5: // both halves of what leaves
			compare(t, u, relocs, p.Vaddr, append(bytes.Clone(p.Orig), u.Patches[i+1].Orig...), p.Stub)
		}
	}
}

// compare walks the bytes that were at addr and the copy in the unit, up to a branch
// that has another form there.
func compare(t *testing.T, u *plan.Unit, relocs map[uint32]plan.Reloc, addr uint64, orig []byte, at uint32) {
	t.Helper()
	for len(orig) > 0 {
		in, err := x86.Decode(orig)
		if err != nil {
			t.Errorf("%#x: the patch does not end with an instruction: % x", addr, orig)
			return
		}
		if in.Flow() != x86.FlowNext {
			compareBranch(t, u, relocs, addr, in, orig, at)
			return
		}
		b, copied := bytes.Clone(orig[:in.Len]), bytes.Clone(u.Code[at:int(at)+in.Len])
		if target, ok := in.RIPTarget(addr); ok {
			field := at + uint32(in.Disp.Off)
			if r := relocs[field]; r.Kind != abi.RELOC_MODULE_REL32 || uint64(r.Addend)+uint64(at)+uint64(in.Len)-uint64(field)-4 != target {
				return // it became another instruction: the golden pairs of internal/x86 have those
			}
			clear(b[in.Disp.Off : in.Disp.Off+4])
		}
		if !bytes.Equal(b, copied) {
			t.Errorf("%#x: % x became % x", addr, b, copied)
			return
		}
		addr, at, orig = addr+uint64(in.Len), at+uint32(in.Len), orig[in.Len:]
	}
}

// compareBranch: a jump or a condition leads where it led.
func compareBranch(t *testing.T, u *plan.Unit, relocs map[uint32]plan.Reloc, addr uint64, in x86.Inst, orig []byte, at uint32) {
	t.Helper()
	moved, err := x86.Decode(u.Code[at:])
	if err != nil {
		t.Errorf("%#x: % x became % x: %v", addr, orig[:in.Len], u.Code[at:at+8], err)
		return
	}
	target, direct := in.Target(orig, addr)
	if f := in.Flow(); !direct || f != x86.FlowJump && f != x86.FlowCond || moved.Rel.Len != 4 {
		return
	}
	r, ok := relocs[at+uint32(moved.Rel.Off)]
	if !ok {
		return // within the window
	}
	if moved.Flow() != in.Flow() || in.Flow() == x86.FlowCond && in.Op&15 != moved.Op&15 || uint64(r.Addend) != target {
		t.Errorf("%#x: % x, to %#x, became % x, to %#x", addr, orig[:in.Len], target, u.Code[at:int(at)+moved.Len], r.Addend)
	}
}
