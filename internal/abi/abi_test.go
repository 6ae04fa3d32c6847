package abi_test

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bpftime-go/bpftime/internal/abi"
)

// structs proves its own assertions when it is compiled.
const structs = `"structs.h"`

// run compiles a C program that includes header and returns what it prints: lines
// "NAME VALUE".
func run(t *testing.T, header, body string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	src, exe := filepath.Join(dir, "print.c"), filepath.Join(dir, "print")
	text := "#include <stdio.h>\n#include <stddef.h>\n#include " + header + "\nint main(void)\n{\n" + body + "\treturn 0;\n}\n"
	if err := os.WriteFile(src, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gcc", "-Wall", "-Wextra", "-Werror", "-I.", "-o", exe, src).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err := exec.Command(exe).Output()
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		values[name] = value
	}
	return values
}

// macros are the names that abi.h defines, as the preprocessor sees it.
func macros(t *testing.T) []string {
	t.Helper()
	defined := func(file string) []byte {
		out, err := exec.Command("gcc", "-dM", "-E", "-x", "c", file).Output()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	builtin := map[string]bool{"BPFTIME_ABI_H": true}
	for line := range bytes.Lines(defined("/dev/null")) {
		builtin[string(bytes.Fields(line)[1])] = true
	}
	var names []string
	for line := range bytes.Lines(defined("abi.h")) {
		if name := string(bytes.Fields(line)[1]); !builtin[name] {
			names = append(names, name)
		}
	}
	return names
}

// constants are those of constants.go, evaluated by Go's rules, as 64 bits.
func constants(t *testing.T) map[string]string {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "constants.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := new(types.Config).Check("abi", fset, []*ast.File{f}, nil)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{}
	for _, name := range p.Scope().Names() {
		c, ok := p.Scope().Lookup(name).(*types.Const)
		if ok && c.Val().Kind() == constant.String {
			values[name] = constant.StringVal(c.Val())
			continue
		}
		if !ok || c.Val().Kind() != constant.Int {
			t.Errorf("%s is neither an integer constant nor a string", name)
			continue
		}
		u, _ := constant.Uint64Val(c.Val())
		if v, exact := constant.Int64Val(c.Val()); exact {
			u = uint64(v)
		}
		values[name] = fmt.Sprint(u)
	}
	return values
}

// TestConstants: each macro of abi.h is a constant of the same value, as gcc and Go
// evaluate them, and there is no other constant.
func TestConstants(t *testing.T) {
	var body strings.Builder
	names, ours := macros(t), constants(t)
	for _, name := range names {
		if _, err := strconv.ParseUint(ours[name], 10, 64); ours[name] != "" && err != nil {
			fmt.Fprintf(&body, "\tprintf(\"%s %%s\\n\", %s);\n", name, name)
			continue
		}
		fmt.Fprintf(&body, "\tprintf(\"%s %%llu\\n\", (unsigned long long)(%s));\n", name, name)
	}
	c := run(t, structs, body.String())
	for _, name := range names {
		if ours[name] != c[name] {
			t.Errorf("%s is %q in Go and %q in C: run go generate", name, ours[name], c[name])
		}
	}
	for name := range ours {
		if c[name] == "" {
			t.Errorf("%s is no macro of abi.h: run go generate", name)
		}
	}
	if len(names) < 150 {
		t.Errorf("only %d macros were found in abi.h", len(names))
	}
}

// offsets are the fields that Go reads or writes in memory or files shared with C.
var offsets = map[string]int{
	"session_header.magic": abi.SESSION_HDR_MAGIC, "session_header.version": abi.SESSION_HDR_VERSION,
	"session_header.size": abi.SESSION_HDR_SIZE, "session_header.log_head": abi.SESSION_HDR_LOG_HEAD,
	"session_header.trace_head": abi.SESSION_HDR_TRACE_HEAD,

	"session.procs": abi.SESSION_PROCS_OFF, "session.procs[1]": abi.SESSION_PROCS_OFF + abi.SESSION_PROC_SIZE,
	"session.links": abi.SESSION_LINKS_OFF, "session.links[1]": abi.SESSION_LINKS_OFF + abi.SESSION_LINK_SIZE,
	"session.leases": abi.SESSION_LEASES_OFF, "session.leases[1]": abi.SESSION_LEASES_OFF + abi.SESSION_LEASE_SIZE,
	"session.logs": abi.SESSION_LOGS_OFF, "session.logs[1]": abi.SESSION_LOGS_OFF + abi.SESSION_LOG_SIZE,
	"session.counters":       abi.SESSION_COUNTERS_OFF,
	"session.counters[1]":    abi.SESSION_COUNTERS_OFF + abi.SESSION_COUNTER_STRIDE,
	"session.counters[1][2]": abi.SESSION_COUNTERS_OFF + abi.SESSION_COUNTER_STRIDE + 16,
	"session.traces":         abi.SESSION_TRACES_OFF, "session.traces[1]": abi.SESSION_TRACES_OFF + abi.SESSION_TRACE_SIZE,

	"session_proc.state": abi.PROC_STATE, "session_proc.pid": abi.PROC_PID, "session_proc.start": abi.PROC_START,
	"session_proc.pidns": abi.PROC_PIDNS, "session_proc.uid": abi.PROC_UID, "session_proc.flags": abi.PROC_FLAGS,
	"session_proc.comm": abi.PROC_COMM, "session_proc.exe": abi.PROC_EXE,

	"session_link.state": abi.LINK_STATE, "session_link.kind": abi.LINK_KIND, "session_link.misses": abi.LINK_MISSES,
	"session_link.sites": abi.LINK_SITES, "session_link.tactic": abi.LINK_TACTIC, "session_link.refused": abi.LINK_REFUSED,
	"session_link.name": abi.LINK_NAME, "session_link.why": abi.LINK_WHY,

	"session_lease.owner": abi.LEASE_OWNER,

	"session_log.seq": abi.LOG_SEQ, "session_log.time": abi.LOG_TIME, "session_log.pid": abi.LOG_PID,
	"session_log.level": abi.LOG_LEVEL, "session_log.len": abi.LOG_LEN, "session_log.text": abi.LOG_TEXT,

	"session_trace.seq": abi.TRACE_SEQ, "session_trace.sum": abi.TRACE_SUM, "session_trace.time": abi.TRACE_TIME,
	"session_trace.tgid": abi.TRACE_TGID, "session_trace.pid": abi.TRACE_PID, "session_trace.cpu": abi.TRACE_CPU,
	"session_trace.len": abi.TRACE_LEN, "session_trace.comm": abi.TRACE_COMM, "session_trace.text": abi.TRACE_TEXT,

	"map_header.magic": abi.MAP_HDR_MAGIC, "map_header.version": abi.MAP_HDR_VERSION, "map_header.type": abi.MAP_HDR_TYPE,
	"map_header.key_size": abi.MAP_HDR_KEY_SIZE, "map_header.value_size": abi.MAP_HDR_VALUE_SIZE,
	"map_header.max_entries": abi.MAP_HDR_MAX_ENTRIES, "map_header.flags": abi.MAP_HDR_FLAGS,
	"map_header.nslots": abi.MAP_HDR_NSLOTS, "map_header.stride": abi.MAP_HDR_STRIDE, "map_header.size": abi.MAP_HDR_SIZE,
	"map_header.value_stride": abi.MAP_HDR_VALUE_STRIDE, "map_header.data": abi.MAP_HDR_DATA, "map_header.buckets": abi.MAP_HDR_BUCKETS,
	"map_header.nodes": abi.MAP_HDR_NODES, "map_header.free": abi.MAP_HDR_FREE, "map_header.records": abi.MAP_HDR_RECORDS,
	"map_header.seed": abi.MAP_HDR_SEED, "map_header.bucket_mask": abi.MAP_HDR_BUCKET_MASK, "map_header.nnodes": abi.MAP_HDR_NNODES,
	"map_header.node_stride": abi.MAP_HDR_NODE_STRIDE, "map_header.value_at": abi.MAP_HDR_VALUE_AT, "map_header.control": abi.MAP_HDR_CONTROL,

	"map_control.misses": abi.MAP_CTL_MISSES, "map_control.busy": abi.MAP_CTL_BUSY,
	"map_control.table": abi.MAP_CTL_TABLE, "map_control.owners": abi.MAP_CTL_OWNERS,
	"map_record.spare": abi.MAP_REC_SPARE, "map_record.hand": abi.MAP_REC_HAND, "map_record.victim": abi.MAP_REC_VICTIM,
	"map_record.cursor": abi.MAP_REC_CURSOR, "map_record.failures": abi.MAP_REC_FAILURES,

	"handoff.mode": abi.HANDOFF_MODE, "handoff.verdict": abi.HANDOFF_VERDICT, "handoff.abort": abi.HANDOFF_ABORT,
	"handoff.level": abi.HANDOFF_LEVEL, "handoff.plan_size": abi.HANDOFF_PLAN_SIZE, "handoff.log_size": abi.HANDOFF_LOG_SIZE,
	"handoff.session": abi.HANDOFF_SESSION, "handoff.rundir": abi.HANDOFF_RUNDIR, "handoff.exe": abi.HANDOFF_EXE,
	"handoff.log": abi.HANDOFF_LOG, "handoff.modules": abi.HANDOFF_MODULES, "handoff.manifest": abi.HANDOFF_MANIFEST,
	"handoff.plan": abi.HANDOFF_PLAN,

	"bpftime_thread.lease": abi.THREAD_LEASE, "bpftime_run.fn": abi.RUN_FN, "bpftime_run.counter": abi.RUN_COUNTER,
	"bpftime_run.cookie": abi.RUN_COOKIE,
	"bpftime_run.ip":     abi.RUN_IP,
}

// sizes are those of whole structures and of arrays in them.
var sizes = map[string]int{
	"struct session": abi.SESSION_SIZE, "struct session_proc": abi.SESSION_PROC_SIZE, "struct session_link": abi.SESSION_LINK_SIZE,
	"struct session_lease": abi.SESSION_LEASE_SIZE, "struct session_log": abi.SESSION_LOG_SIZE, "struct bpftime_run": abi.RUN_SIZE,
	"struct plan": abi.PLAN_HDR_SIZE, "struct plan_unit": abi.PLAN_UNIT_SIZE, "struct plan_patch": abi.PLAN_PATCH_SIZE,
	"struct plan_reloc": abi.PLAN_RELOC_SIZE, "struct plan_link": abi.PLAN_LINK_SIZE, "struct plan_map": abi.PLAN_MAP_SIZE,
	"struct plan_want": abi.PLAN_WANT_SIZE, "struct handoff": abi.HANDOFF_SIZE,
	"struct map_control": abi.MAP_CTL_SIZE, "struct map_record": abi.MAP_REC_SIZE,

	"((struct session *)0)->procs":  abi.SESSION_NPROCS * abi.SESSION_PROC_SIZE,
	"((struct session *)0)->links":  abi.SESSION_NLINKS * abi.SESSION_LINK_SIZE,
	"((struct session *)0)->leases": abi.SESSION_NLEASES * abi.SESSION_LEASE_SIZE,
	"((struct session *)0)->logs":   abi.SESSION_NLOGS * abi.SESSION_LOG_SIZE,
	"((struct session *)0)->traces": abi.SESSION_NTRACES * abi.SESSION_TRACE_SIZE,

	"((struct session_proc *)0)->comm": 16, "((struct session_proc *)0)->exe": abi.PROC_EXE_SIZE,
	"((struct session_link *)0)->name": abi.LINK_NAME_SIZE, "((struct session_link *)0)->why": abi.LINK_WHY_SIZE,
	"((struct session_log *)0)->text": abi.LOG_TEXT_SIZE, "((struct session_trace *)0)->text": abi.TRACE_TEXT_SIZE,

	"((struct handoff *)0)->session": abi.HANDOFF_RUNDIR - abi.HANDOFF_SESSION, "((struct handoff *)0)->log": abi.HANDOFF_LOG_MAX,
	"((struct handoff *)0)->manifest": abi.HANDOFF_MANIFEST_MAX, "((struct handoff *)0)->plan": abi.HANDOFF_PLAN_MAX,
}

// TestStructs: the numbers that Go uses are where gcc puts the fields.
func TestStructs(t *testing.T) {
	var body strings.Builder
	for field := range offsets {
		typ, member, _ := strings.Cut(field, ".")
		fmt.Fprintf(&body, "\tprintf(\"%s %%zu\\n\", offsetof(struct %s, %s));\n", field, typ, member)
	}
	for what := range sizes {
		fmt.Fprintf(&body, "\tprintf(\"%s %%zu\\n\", sizeof(%s));\n", strings.ReplaceAll(what, " ", "_"), what)
	}
	c := run(t, structs, body.String())
	for field, at := range offsets {
		if c[field] != fmt.Sprint(at) {
			t.Errorf("struct %s lies at %d for Go, at %s for C", field, at, c[field])
		}
	}
	for what, size := range sizes {
		if got := c[strings.ReplaceAll(what, " ", "_")]; got != fmt.Sprint(size) {
			t.Errorf("%s has %d bytes for Go, %s for C", what, size, got)
		}
	}
}

// TestPtRegs: a program is given the kernel's own struct pt_regs.
func TestPtRegs(t *testing.T) {
	want := map[string]int{
		"r15": abi.PT_R15, "r14": abi.PT_R14, "r13": abi.PT_R13, "r12": abi.PT_R12, "rbp": abi.PT_RBP, "rbx": abi.PT_RBX,
		"r11": abi.PT_R11, "r10": abi.PT_R10, "r9": abi.PT_R9, "r8": abi.PT_R8, "rax": abi.PT_RAX, "rcx": abi.PT_RCX,
		"rdx": abi.PT_RDX, "rsi": abi.PT_RSI, "rdi": abi.PT_RDI, "orig_rax": abi.PT_ORIG_RAX, "rip": abi.PT_RIP,
		"cs": abi.PT_CS, "eflags": abi.PT_EFLAGS, "rsp": abi.PT_RSP, "ss": abi.PT_SS,
	}
	body := "\tprintf(\"size %zu\\n\", sizeof(struct pt_regs));\n"
	for field := range want {
		body += fmt.Sprintf("\tprintf(\"%s %%zu\\n\", offsetof(struct pt_regs, %s));\n", field, field)
	}
	c := run(t, "<asm/ptrace.h>", body)
	want["size"] = abi.PT_SIZE
	for field, at := range want {
		if c[field] != fmt.Sprint(at) {
			t.Errorf("pt_regs: %s is %d here, %s in <asm/ptrace.h>", field, at, c[field])
		}
	}
}
