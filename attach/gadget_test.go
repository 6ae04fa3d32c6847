package attach_test

import (
	"encoding/hex"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
	"github.com/bpftime-go/bpftime/internal/plan"
)

// TestGadgets: the machine code of each gadget, assembled by hand; the address in
// the fourth instruction is a relocation.
func TestGadgets(t *testing.T) {
	const (
		begin = "8b4018" + // mov 24(%rax),%eax: the lease of the thread that runs it
			"4869c040000000" + // imul $64,%rax,%rax: the lease's slot
			"48b90000000000000000" // movabs $map+offset,%rcx
		end = "c3" // ret
	)
	for spec, want := range map[string]string{
		"{gadget: funccount, args: [uprobe/lib:first]}":    begin + "48ff0401" + end,              // incq (%rcx,%rax)
		"{gadget: funccount, args: [uretprobe/lib:first]}": begin + "48ff0401" + end,              //
		"{gadget: funcsum, args: [uprobe/lib:first]}":      begin + "488b5770" + "48011401" + end, // mov 112(%rdi),%rdx; add %rdx,(%rcx,%rax)
		"{gadget: funcsum, args: [uretprobe/lib:first]}":   begin + "488b5750" + "48011401" + end, // mov 80(%rdi),%rdx
	} {
		b := newBench(t)
		b.load(b.build("lib.so"))
		p, err := b.compile("objects: [" + spec + "]")
		if err != nil {
			t.Fatal(err)
		}
		u := p.Units[0]
		code := u.Code[firstProgram(t, u):][:len(want)/2]
		if got := hex.EncodeToString(code); got != want {
			t.Errorf("%s\n%s, want\n%s", spec, got, want)
		}
	}
}

// firstProgram is the target of the first run record.
func firstProgram(t *testing.T, u *plan.Unit) int64 {
	t.Helper()
	for _, r := range u.Relocs {
		if r.Kind == abi.RELOC_LINK_ABS64 {
			fn, ok := reloc(u, abi.RELOC_ARENA_ABS64, r.At-abi.RUN_LINK)
			if ok {
				return fn.Addend
			}
		}
	}
	t.Fatal("no run record")
	return 0
}

// TestSharedPrograms: a program on several sites of a module is there once.
func TestSharedPrograms(t *testing.T) {
	b := newBench(t)
	b.load(b.build("lib.so"))
	p, err := b.compile("objects: [{gadget: funccount, args: [uprobe/lib:twin]}]")
	if err != nil {
		t.Fatal(err)
	}
	programs := map[int64]int{}
	for _, r := range p.Units[0].Relocs {
		if r.Kind == abi.RELOC_LINK_ABS64 {
			fn, _ := reloc(p.Units[0], abi.RELOC_ARENA_ABS64, r.At-abi.RUN_LINK)
			programs[fn.Addend]++
		}
	}
	if len(p.Units[0].Patches) != 2 || len(programs) != 1 {
		t.Errorf("%d sites, programs %v", len(p.Units[0].Patches), programs)
	}
}
