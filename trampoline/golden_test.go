package trampoline_test

import (
	"encoding/binary"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/elfsym"
	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
	"github.com/bpftime-go/bpftime/internal/x86"
	"github.com/bpftime-go/bpftime/trampoline"
)

// A golden file says, instruction by instruction, what replaces the bytes of f and
// what the stubs are. In it # begins a comment; blanks and empty lines do not
// count. Fields that a relocation fills stand in <>:
//
//	entry:                     f with a program on its entry
//	patch f+0: ORIG -> TEXT    bytes, <stub> for the distance
//	stub:                      what the patch jumps to; not of one that leads to
//	                           another patch
//	ff 15 <entry>              through the slot with the helper's address
//	<runs LINK>                8 bytes: the list of programs
//	<body>                     8 bytes: the address of the code marked body:
//	e9 <f+5>                   32 bits: the distance to f+5
//	return:                    f with a program on its return
//	at:                        f with a program at each instruction that the source
//	                           names; links from 2 on
//	shared:                    the same, and on entry and return
//	session:                   f with a session program
//
// The helpers are named entry, return, return-site, return-copy-N, at, session-entry
// and session-return.
func (h hazard) checkGolden(t *testing.T, file *elfsym.File) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + h.name + ".golden")
	if os.IsNotExist(err) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, half := range sections {
		want, ok := section(string(text), half)
		if !ok {
			continue
		}
		var a *trampoline.Arena
		switch half {
		case "entry", "return":
			a, _, _ = place(t, file, half == "entry", half == "return")
		case "session":
			a, _ = h.placeAll(t, file, trampoline.Probes{Session: []trampoline.Program{{Link: 0}}}, nil)
		default:
			a, _ = h.placeAll(t, file, ends(half == "shared"), h.at)
		}
		if got := listing(t, file, a.Unit); !slices.Equal(got, want) {
			t.Errorf("%s: got\n\t%s\nwant\n\t%s", half, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
		}
	}
}

var sections = []string{"entry", "return", "at", "shared", "session"}

var comment = regexp.MustCompile(`\s*#.*`)

// section is the lines of a golden file between "NAME:" and the next such line.
func section(text, name string) (lines []string, ok bool) {
	for _, line := range strings.Split(text, "\n") {
		line = strings.Join(strings.Fields(comment.ReplaceAllString(line, "")), " ")
		switch {
		case slices.Contains(sections, strings.TrimSuffix(line, ":")):
			if ok {
				return lines, true
			}
			ok = line == name+":"
		case ok && line != "":
			lines = append(lines, line)
		}
	}
	return lines, ok
}

// lister prints a unit.
type lister struct {
	*plan.Unit
	f      uint64 // address of f
	relocs map[uint32]plan.Reloc
	body   uint32
	lines  []string
}

func listing(t *testing.T, file *elfsym.File, u *plan.Unit) []string {
	t.Helper()
	symbols, err := file.Lookup("f")
	if err != nil {
		t.Fatal(err)
	}
	l := &lister{Unit: u, f: symbols[0].Value, relocs: map[uint32]plan.Reloc{}}
	for _, r := range u.Relocs {
		l.relocs[r.At] = r
	}
	for _, p := range u.Patches {
		text := hex(p.Text)
		if p.RelAt != abi.PATCH_NO_REL {
			text = strings.Replace(text, "00 00 00 00", "<stub>", 1)
		}
		l.lines = append(l.lines, fmt.Sprintf("patch %s: %s -> %s", l.module(p.Vaddr), hex(p.Orig), text))
		if p.RelAt != abi.PATCH_NO_REL {
			l.lines = append(l.lines, "stub:")
			l.stub(t, p.Stub)
		}
	}
	return l.lines
}

func hex(b []byte) string { return fmt.Sprintf("% x", b) }

func (l *lister) module(vaddr uint64) string { return fmt.Sprintf("f%+d", int64(vaddr-l.f)) }

// stub prints code up to the next stub, or the end.
func (l *lister) stub(t *testing.T, at uint32) {
	end := l.Len()
	for _, p := range l.Patches {
		if p.Stub > at {
			end = min(end, p.Stub)
		}
	}
	for at < end && !l.isRun(at) {
		if at == l.body && at != 0 {
			l.lines = append(l.lines, "body:")
		}
		n, line := l.item(t, at)
		if line != "" {
			l.lines = append(l.lines, line)
		}
		at += n
	}
}

// isRun tells a record of a list that belongs to the next stub.
func (l *lister) isRun(at uint32) bool {
	counter, ok := l.relocs[at+abi.RUN_COUNTER]
	return ok && counter.Kind == abi.RELOC_LINK_COUNTER32
}

// item prints what stands at an offset: a pointer, a filler, or an instruction.
func (l *lister) item(t *testing.T, at uint32) (n uint32, line string) {
	if r, ok := l.relocs[at]; ok {
		return 8, l.pointer(r)
	}
	if l.Code[at] == plan.Fill {
		return 1, ""
	}
	in, err := x86.Decode(l.Code[at:])
	if err != nil {
		t.Fatalf("at %#x of the unit stands % x: %v", at, l.Code[at:min(at+8, l.Len())], err)
	}
	end := at + uint32(in.Len)
	for field := at; field < end; field++ {
		if r, ok := l.relocs[field]; ok {
			tail := uint64(end - field - 4)
			name := l.module(uint64(r.Addend) + tail)
			return uint32(in.Len), strings.TrimSpace(fmt.Sprintf("% x <%s> % x", l.Code[at:field], name, l.Code[field+4:end]))
		}
	}
	if in.RIPRelative() {
		slot := end + binary.LittleEndian.Uint32(l.Code[at+uint32(in.Disp.Off):])
		if r, ok := l.relocs[slot]; ok {
			return uint32(in.Len), fmt.Sprintf("% x %s", l.Code[at:at+uint32(in.Disp.Off)], l.pointer(r))
		}
	}
	return uint32(in.Len), hex(l.Code[at:end])
}

// pointer names what an 8-byte field will hold.
func (l *lister) pointer(r plan.Reloc) string {
	switch r.Kind {
	case abi.RELOC_HELPER_ABS64:
		return "<" + helperName(r.Sym) + ">"
	case abi.RELOC_MODULE_ABS64:
		return "<" + l.module(uint64(r.Addend)) + ">"
	}
	at := uint32(r.Addend)
	if l.isRun(at) {
		return fmt.Sprintf("<runs %d>", l.relocs[at+abi.RUN_COUNTER].Sym)
	}
	l.body = at
	return "<body>"
}

func helperName(id uint32) string {
	switch {
	case id == abi.HELPER_OFFSET, id == abi.HELPER_OFFSET_LEAF:
		return "at"
	case id == abi.HELPER_SESSION_ENTRY:
		return "session-entry"
	case id == abi.HELPER_SESSION_RETURN:
		return "session-return"
	case id >= abi.HELPER_RETURN_COPY:
		return fmt.Sprintf("return-copy-%d", 2*(id-abi.HELPER_RETURN_COPY+1))
	case id == abi.HELPER_ENTRY, id == abi.HELPER_ENTRY_LEAF:
		return "entry"
	case id == abi.HELPER_RETURN, id == abi.HELPER_RETURN_LEAF:
		return "return"
	}
	return "return-site"
}
