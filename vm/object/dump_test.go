package object_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/vm/object"
)

func TestDump(t *testing.T) {
	var b strings.Builder
	if err := program(t, link(t, load(t, "testdata/usdt.o"), object.Options{}), "on_usdt").Dump(&b); err != nil {
		t.Fatal(err)
	}
	got := b.String()
	for _, want := range []string{
		"on_usdt:\n; long on_usdt(struct pt_regs *ctx) @ ./testdata/usdt.bpf.c:41\n     0: r6 = r1\n",
		"; int id = spec_id(ctx); @ ./testdata/usdt.bpf.c:43\n     1: call spec_id\n",
		"r1 = map __bpf_usdt_specs\n",
		"call bpf_map_lookup_elem#1\n",
		"; return value + CONFIG_NOT_KNOWN; @ ./testdata/usdt.bpf.c:50\n" +
			"    22: r1 = .kconfig[0]\n    24: r1 = *(u32 *)(r1 + 0)\n    25: r0 = *(u64 *)(r10 - 16)\n    26: r0 += r1\n",
		"\nspec_id:\n",
		"call bpf_get_attach_cookie#174\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	b.Reset()
	if err := program(t, link(t, load(t, "testdata/calls.o"), object.Options{}), "callbacks").Dump(&b); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "r2 = function second\n") {
		t.Errorf("no callback in\n%s", b.String())
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestDumpToNowhere(t *testing.T) {
	err := program(t, link(t, load(t, "testdata/calls.o"), object.Options{}), "powers").Dump(full{})
	if !errors.Is(err, io.ErrShortWrite) {
		t.Error(err)
	}
}
