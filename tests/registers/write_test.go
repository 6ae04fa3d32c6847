package registers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// Registers by their place in state.R.
const (
	rbx, rax, rcx, rdx, rsi, rdi = 5, 10, 11, 12, 13, 14
)

// A write is a program of change.bpf.c at a site, with its constants.
type write struct {
	site  string
	kind  string // "offset", "uprobe", "uretprobe"
	flags uint64
	sp    int64
	ip    string // a symbol of the host; "return"
}

func (w write) String() string {
	return fmt.Sprintf("%s %s flags %#x sp %d ip %s", w.kind, w.site, w.flags, w.sp, w.ip)
}

func (w write) spec(t testing.TB) string {
	t.Helper()
	if w.kind == "offset" {
		return fmt.Sprintf("uprobe/%s:site_%s+%#x", program(t), w.site, offset(t, w.site))
	}
	return fmt.Sprintf("%s/%s:site_%s", w.kind, program(t), w.site)
}

func (w write) rodata(t testing.TB) string {
	t.Helper()
	ip := uint64(0)
	switch w.ip {
	case "":
	case "return":
		ip = 1
	default:
		ip = symbol(t, w.ip)
	}
	return fmt.Sprintf("{flags: %#x, sp: %d, ip: %#x}", w.flags, uint64(w.sp), ip)
}

// changed is what the program makes of the registers.
func changed(s state) state {
	for i := range s.R {
		s.R[i] ^= 0x0101010101010101 * uint64(i+1)
	}
	return s
}

// TestWrites: whatever programs write to pt_regs is what the host goes on with, at offsets, entries and returns, and what
// they do not write is as it was.
func TestWrites(t *testing.T) {
	const all = 0x8d5 // flags
	for _, w := range []write{
		{"nop5", "offset", 0, 0, ""},
		{"nop1", "offset", all, 0, ""},
		{"nop5", "offset", all, -8, ""},
		{"nop5", "offset", all, 5, ""},
		{"nop5", "offset", all | 0x400, 0, ""}, // DF
		{"nop5", "offset", all, 0, "site_elsewhere"},
		{"nop5", "offset", all, 64, "site_elsewhere"},
		{"f_a", "uprobe", 0, 0, ""},
		{"f_b", "uprobe", 0, 0, ""},
		{"f_a", "uprobe", all, 0, "site_elsewhere"},
		{"f_a", "uprobe", 0, 0, "site_elsewhere"},
		{"f_a", "uprobe", 0, 8, "return"},
		{"f_a", "uprobe", all, 8, "return"},
		{"f_a", "uprobe", 0, 24, "return"},
		{"f_a", "uretprobe", 0, 0, ""},
		{"f_b", "uretprobe", 0, 0, ""},
		{"f_c", "uretprobe", 0, 0, ""},
		{"f_d", "uretprobe", 0, 0, ""},
		{"f_d", "uretprobe", 0, 0, "site_elsewhere"},
		{"f_a", "uretprobe", all, 0, ""},
		{"f_a", "uretprobe", 0, 0, "site_elsewhere"},
		{"f_b", "uretprobe", 0, 0, "site_elsewhere"},
		{"f_c", "uretprobe", 0, 0, "site_elsewhere"},
		{"f_c", "uretprobe", 0, -16, "site_elsewhere"},
		{"f_b", "uretprobe", 0, 16, ""},
	} {
		t.Run(w.String(), func(t *testing.T) {
			const n = 100
			spec := w.spec(t)
			tr := &host.Trace{Text: fmt.Sprintf("objects:\n- {path: %s, attach: {write: %q}, rodata: %s}\n- {gadget: funccount, args: [%q]}\n",
				object(t, "change"), spec, w.rodata(t), spec)}
			plain, traced := rounds(t, tr, w.site, n)
			for i := range traced {
				want, got := w.expected(plain[i], traced[i].Before.RSP), traced[i].After
				if w.kind != "offset" { // below is nobody's, as is a used return address, flags are dead unless they were written
					want.Below, got.Below = [128]byte{}, [128]byte{}
					clear(want.Above[:8])
					clear(got.Above[:8])
					if w.flags == 0 {
						want.Flags, got.Flags = 0, 0
					}
				}
				if want != got {
					t.Fatalf("round %d:%s", i, difference(got, want))
				}
			}
			tr.WantHits(t, spec, n)
		})
	}
}

// expected is what a round without probes turns into.
func (w write) expected(p pair, rsp uint64) state {
	before, after := p.Before, p.After
	ret := after.RSP - before.RSP // 8 where the site returns
	runs := w.kind != "uretprobe" && w.ip == ""
	switch {
	case w.kind == "offset", w.kind == "uprobe" && w.ip != "":
		after.R = changed(before).R
		ret = 0
	case runs: // the body, on changed registers
		after.R = changed(before).R
		after.R[rbx] = ^after.R[rbx]
		if w.site == "f_b" {
			after.R[rcx] = p.After.R[rcx]
		}
	default:
		after.R = changed(after).R
	}
	if w.ip == "site_elsewhere" {
		after.R[rdi]++
	}
	after.RSP = rsp + ret + uint64(w.sp)
	after.Flags = before.Flags ^ w.flags
	if w.kind == "uprobe" || w.kind == "uretprobe" {
		after.Flags = before.Flags&0x400 | 0x202 ^ w.flags
	}
	if w.flags&0x400 != 0 {
		after.Flags = (before.Flags ^ w.flags&0x8d5) | 0x400
	}
	return after
}

// TestSeveralWriters: all run, in the order of the manifest; the later sees what the earlier wrote, and a program that
// only looks sees it as well.
func TestSeveralWriters(t *testing.T) {
	const n = 100
	for _, w := range []write{{site: "nop5", kind: "offset"}, {site: "f_a", kind: "uprobe"}, {site: "f_a", kind: "uretprobe"}} {
		spec, change := w.spec(t), object(t, "change")
		tr := &host.Trace{Text: fmt.Sprintf("objects:\n- {path: %s, attach: {write: %q}}\n- {path: %s, attach: {again: %q}}\n- {path: %s, attach: {see: %q}}\n",
			change, spec, change, spec, object(t, "see"), spec)}
		plain, traced := rounds(t, tr, w.site, n)
		last := seen(t, tr, "see.seen", n)
		for i := range traced {
			want := plain[i].After
			if w.kind == "uprobe" {
				want.R = plain[i].Before.R
			}
			want.R[rdi] = want.R[rsi]
			if last[i].R != want.R {
				t.Fatalf("%v: round %d: the last program saw %x, want %x", w, i, last[i].R, want.R)
			}
			if w.kind == "uprobe" {
				want.R[rbx] = ^want.R[rbx]
			}
			if traced[i].After.R != want.R {
				t.Fatalf("%v: round %d: %x, want %x", w, i, traced[i].After.R, want.R)
			}
		}
	}
}

// TestOverride: the body does not run, the result is the program's, everything else is as at the call, and programs on
// return run as always, whatever the tactic.
func TestOverride(t *testing.T) {
	const n = 100
	for _, site := range []string{"f_a", "f_b", "f_c", "f_d", "f_none"} {
		for _, name := range []string{"override", "override_odd"} {
			t.Run(site+" "+name, func(t *testing.T) {
				entry := write{site: site, kind: "uprobe"}.spec(t)
				ret := write{site: site, kind: "uretprobe"}.spec(t)
				text := fmt.Sprintf("objects:\n- {path: %s, attach: {%s: %q}}\n", object(t, "change"), name, entry)
				if site != "f_none" {
					text += fmt.Sprintf("- {path: %s, attach: {see: %q}}\n", object(t, "see"), ret)
				}
				tr := &host.Trace{Text: text}
				plain, traced := rounds(t, tr, site, n)
				for i := range traced {
					before, want := plain[i].Before, plain[i].After.R
					if name == "override" {
						want, want[rax] = before.R, 0x1234
					} else if before.R[0]&1 == 1 {
						want, want[rax] = before.R, before.R[0]+before.R[1]
					}
					if traced[i].After.R != want || traced[i].After.RSP != traced[i].Before.RSP+8 {
						t.Fatalf("round %d: %x, want %x", i, traced[i].After.R, want)
					}
				}
				tr.WantHits(t, entry, n)
				if site != "f_none" {
					tr.WantTactic(t, ret, "return-"+strings.TrimPrefix(site, "f_"))
					tr.WantHits(t, ret, n)
					for i, r := range seen(t, tr, "see.seen", n) {
						if r.R != traced[i].After.R {
							t.Fatalf("round %d: on return was seen %x, want %x", i, r.R, traced[i].After.R)
						}
					}
				}
			})
		}
	}
}

// TestOverrideElsewhere: only an entry can return for its function.
func TestOverrideElsewhere(t *testing.T) {
	for _, w := range []write{{site: "nop5", kind: "offset"}, {site: "f_a", kind: "uretprobe"}} {
		tr := &host.Trace{Text: fmt.Sprintf("objects:\n- {path: %s, attach: {override: %q}}\n", object(t, "change"), w.spec(t))}
		rounds(t, tr, w.site, 3)
		for name, l := range tr.Links(t) {
			const want = "only at a function's entry can a program return for it: bpf_override_return (insn 1, change.bpf.c:"
			if !strings.HasPrefix(l.Error, want) || l.Hits != 0 {
				t.Errorf("%s: %d hits, %q, want none, and %q", name, l.Hits, l.Error, want)
			}
		}
	}
}
