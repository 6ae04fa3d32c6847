package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tourObject puts the object where the user is.
func (u *user) tourObject() {
	u.t.Helper()
	b, err := os.ReadFile("testdata/tour.bpf.o")
	if err == nil {
		err = os.WriteFile(filepath.Join(u.dir, "tour.bpf.o"), b, 0o644)
	}
	if err != nil {
		u.t.Fatal(err)
	}
}

// TestProg: programs of a file are listed and verified.
func TestProg(t *testing.T) {
	u := newUser(t)
	u.tourObject()
	u.golden("proglist-file.txt", u.must("prog", "list", "tour.bpf.o").stdout)
	u.golden("proglist-file.json", u.must("prog", "list", "--json", "tour.bpf.o").stdout)
	r := u.must("prog", "verify", "tour.bpf.o")
	if !strings.HasPrefix(r.stdout, "VERDICT  INSNS  PROGRAM     SECTION\nok         101  on_getppid  uprobe/libc:getppid\nok         117  on_a64l     uretprobe/libc:a64l\n") {
		t.Error(r.stdout)
	}
	u.columns("verify", r.stdout)
}

// TestProgRefused: a program that is refused is named with its reason, and the others
// are not.
func TestProgRefused(t *testing.T) {
	u := newUser(t)
	b, err := os.ReadFile("../../vm/object/testdata/refused.o")
	if err != nil {
		t.Fatal(err)
	}
	u.write("refused.o", string(b))
	r := u.run("prog", "verify", "refused.o")
	if r.code != 1 || r.stderr != "" {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for _, want := range []string{
		"\nok           4  writes_context  uprobe/libc:malloc\nrefused      0  addresses       uprobe/libc:free\n",
		"\nrefused: refused.o: program no_helper: insn 0 (./testdata/refused.bpf.c:23):\n         call of bpf_get_socket_cookie#46, which does not exist here\n",
		"\nrefused: refused.o: program of_network: SEC(\"xdp\") attaches nowhere in a\n         process: it attaches to the kernel's network\n",
	} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("no %q in\n%s", want, r.stdout)
		}
	}
	u.columns("verify", r.stdout)
	r = u.run("prog", "verify", "refused.o", "--json")
	var got struct {
		Limits   string
		Programs []verdict
	}
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.code != 1 {
		t.Fatalf("exit code %d, %v", r.code, err)
	}
	refused := 0
	for _, v := range got.Programs {
		if (v.Error != "") != !slices.Contains([]string{"fine", "optional", "writes_context"}, v.Program) {
			t.Errorf("%+v", v)
		}
		if v.Error != "" {
			refused++
		}
	}
	if refused != 5 {
		t.Errorf("%d programs are refused", refused)
	}
}

// TestProgDump: instructions of both machines, each behind its line of the source.
func TestProgDump(t *testing.T) {
	u := newUser(t)
	u.tourObject()
	xlated := u.must("prog", "dump", "xlated", "tour.bpf.o", "on_a64l").stdout
	for _, want := range []string{"on_a64l:\n", "; last_result = ctx->rax; @ ./tour.bpf.c:", " = .data[0]\n", " = map by_kind\n", ": call bpf_trace_printk#6\n", ": exit\n"} {
		if !strings.Contains(xlated, want) {
			t.Errorf("no %q in\n%s", want, xlated)
		}
	}
	jited := u.must("prog", "dump", "jited", "tour.bpf.o", "on_a64l").stdout
	for _, want := range []string{"on_a64l:\n     0:  push %rbp\n", "; last_result = ctx->rax; @ ./tour.bpf.c:", "  # .data[0]\n", "  # map by_kind\n", "  # bpf_trace_printk#6\n", ":  call *%rax\n", ":  retq\n"} {
		if !strings.Contains(jited, want) {
			t.Errorf("no %q in\n%s", want, jited)
		}
	}
	if strings.Contains(jited, "bad") || strings.Count(jited, ".byte") > 0 {
		t.Errorf("not decoded:\n%s", jited)
	}
	for _, what := range []string{"xlated", "jited"} {
		all := u.must("prog", "dump", what, "tour.bpf.o").stdout
		if !strings.HasPrefix(all, "on_getppid:\n") || !strings.Contains(all, "\n\non_a64l:\n") {
			t.Errorf("%s of all:\n%s", what, all)
		}
	}
}

// TestProgFails: files that are no objects, and programs that are not in them.
func TestProgFails(t *testing.T) {
	u := newUser(t)
	u.tourObject()
	u.write("text.o", "text")
	for _, c := range []struct{ args, want string }{
		{"dump xlated tour.bpf.o on_getpid", `tour.bpf.o: there is no program "on_getpid"; did you mean "on_getppid"?`},
		{"dump jited nope.o", "nope.o: no such file or directory"},
		{"list text.o", "text.o: no ELF file"},
		{"verify tour.bpf.o text.o", "text.o: no ELF file"},
	} {
		r := u.run(append([]string{"prog"}, strings.Fields(c.args)...)...)
		if r.code != 1 || r.stdout != "" || !strings.HasPrefix(r.stderr, "bpftime: "+c.want) && !strings.HasPrefix(r.stderr, "bpftime: open "+c.want) {
			t.Errorf("%s: exit code %d, standard output %q, error %s", c.args, r.code, r.stdout, r.stderr)
		}
	}
}
