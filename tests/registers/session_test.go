package registers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/tests/internal/host"
)

// TestSessions: at both ends of a call a session program is given all as it is there, and what it does not write is as it
// was.
func TestSessions(t *testing.T) {
	const n = 100
	for _, site := range []string{"f_a", "f_b"} {
		spec := fmt.Sprintf("uprobe.session/%s:site_%s", program(t), site)
		tr := &host.Trace{Text: fmt.Sprintf("objects:\n- {path: %s, attach: {see: %q}}\n", object(t, "see"), spec)}
		plain, traced := rounds(t, tr, site, n)
		got := seen(t, tr, "see.seen", 2*n)
		for i := range traced {
			q := traced[i]
			if q.After.R != plain[i].After.R || q.After.XMM != plain[i].After.XMM || q.After.Above != plain[i].After.Above || q.After.RSP != q.Before.RSP+8 {
				t.Fatalf("%s: round %d, after the call:%s", site, i, difference(q.After, plain[i].After))
			}
			entry := registers{R: q.Before.R, OrigRAX: ^uint64(0), RIP: symbol(t, "at_"+site), CS: 0x33, Eflags: 0x202, RSP: q.Before.RSP, SS: 0x2b}
			if got[2*i] != entry {
				t.Fatalf("%s: round %d, at the entry:%s", site, i, difference(got[2*i], entry))
			}
			ret := entry
			ret.R, ret.RSP, ret.RIP = q.After.R, q.After.RSP, got[2*i+1].RIP
			if got[2*i+1] != ret {
				t.Fatalf("%s: round %d, at the return:%s", site, i, difference(got[2*i+1], ret))
			}
		}
	}
}

// TestSessionWrites: as at entries and returns that are probed one by one.
func TestSessionWrites(t *testing.T) {
	const n = 100
	for _, w := range []write{
		{"f_a", "uprobe.session", 0, 0, ""},
		{"f_b", "uprobe.session", 0, 0, ""},
		{"f_a", "uprobe.session", 0, 0, "site_elsewhere"},
		{"f_a", "uprobe.session", 0x8d5, 8, "return"},
	} {
		t.Run(w.String(), func(t *testing.T) {
			tr := &host.Trace{Text: fmt.Sprintf("objects:\n- {path: %s, attach: {write: %q}, rodata: %s}\n", object(t, "change"), w.spec(t), w.rodata(t))}
			plain, traced := rounds(t, tr, w.site, n)
			for i := range traced {
				want := plain[i].After.R
				switch { // what is changed twice, at the entry and at the return, is as it was
				case w.ip != "":
					want = changed(plain[i].Before).R
				case w.site == "f_b": // which sets rcx
					want[rcx] = changed(plain[i].After).R[rcx]
				}
				if w.ip == "site_elsewhere" {
					want[rdi]++
				}
				if traced[i].After.R != want {
					t.Fatalf("round %d: %x, want %x", i, traced[i].After.R, want)
				}
			}
		})
	}
}

// TestSessionOverride: a session program that returns for the function sees its return.
func TestSessionOverride(t *testing.T) {
	const n = 100
	for _, site := range []string{"f_a", "f_b"} {
		spec := fmt.Sprintf("uprobe.session/%s:site_%s", program(t), site)
		tr := &host.Trace{Text: fmt.Sprintf("objects:\n- {path: %s, attach: {override: %q}}\n- {path: %s, attach: {see: %q}}\n",
			object(t, "change"), spec, object(t, "see"), spec)}
		plain, traced := rounds(t, tr, site, n)
		got := seen(t, tr, "see.seen", 2*n)
		for i := range traced {
			want := plain[i].Before.R
			want[rax] = 0x1234
			if traced[i].After.R != want || got[2*i+1].R != want || traced[i].After.RSP != traced[i].Before.RSP+8 {
				t.Fatalf("%s: round %d: %x, and on return %x, want %x", site, i, traced[i].After.R, got[2*i+1].R, want)
			}
		}
	}
}

// TestSessionRefused: where the return address cannot stay in its place, by name; other programs of the function are not
// in the way of that.
func TestSessionRefused(t *testing.T) {
	name := program(t) + ":site_f_c"
	tr := host.Of("uprobe.session/"+name, "uretprobe/"+name, "uprobe/"+name)
	rounds(t, tr, "f_c", 5)
	tr.WantHits(t, "uretprobe/"+name, 5)
	tr.WantHits(t, "uprobe/"+name, 5)
	for spec, l := range tr.Links(t) {
		if spec == "uprobe.session/"+name && (l.Hits != 0 || !strings.Contains(l.Error, "a session keeps its words right below")) {
			t.Errorf("%d hits, %q", l.Hits, l.Error)
		}
	}
}
