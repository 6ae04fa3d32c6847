package helper_test

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/cilium/ebpf/asm"

	"github.com/bpftime-go/bpftime/vm/helper"
)

// The numbers and names agree with another library's.
func TestNames(t *testing.T) {
	for id := int32(1); id <= 211; id++ {
		// The library marks the numbers of Linux in the high bits.
		theirs := strings.TrimPrefix(asm.BuiltinFunc(id).String(), "Fn")
		if got := helper.Name(id); normalize(got) != normalize(theirs) {
			t.Errorf("helper %d: %q, elsewhere %q", id, got, theirs)
		}
	}
	for _, id := range []int32{-1, 0, 212, 1 << 30} {
		if name := helper.Name(id); name != "" {
			t.Errorf("helper %d has the name %q", id, name)
		}
	}
}

func normalize(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '_' {
			return -1
		}
		return unicode.ToLower(r)
	}, name)
}

// Every prototype has the number's name, its arguments make sense, and the
// helpers that the project's issues name are all there.
func TestProtos(t *testing.T) {
	count := 0
	for id := int32(1); id <= 211; id++ {
		p, ok := helper.ByID(id)
		if !ok {
			continue
		}
		count++
		if p.ID != id || p.Name != helper.Name(id) {
			t.Errorf("%+v stands for helper %d, %s", p, id, helper.Name(id))
		}
		if q, ok := helper.ByName(p.Name); !ok || q.ID != id {
			t.Errorf("ByName(%s) = %+v", p.Name, q)
		}
		checkSizes(t, p)
	}
	if count < 60 {
		t.Errorf("%d prototypes", count)
	}
}

// checkSizes: memory is followed by its size, and a size follows memory.
func checkSizes(t *testing.T, p helper.Proto) {
	if len(p.Args) > 5 {
		t.Errorf("%s has %d arguments", p.Name, len(p.Args))
	}
	for i, a := range p.Args {
		isSize := a.Kind() == helper.ConstSize || a.Kind() == helper.ConstSizeOrZero
		afterMem := i > 0 && p.Args[i-1].Kind() == helper.PtrToMem
		if isSize != afterMem {
			t.Errorf("%s: argument %d: memory and size do not belong together", p.Name, i+1)
		}
		if a.Has(helper.ReadOnly | helper.Uninit) {
			t.Errorf("%s: argument %d is read only and to be written", p.Name, i+1)
		}
	}
}

func TestNeededHelpers(t *testing.T) {
	const needed = `map_lookup_elem map_update_elem map_delete_elem probe_read probe_read_user probe_read_kernel
		probe_read_str probe_read_user_str probe_read_kernel_str ktime_get_ns get_current_pid_tgid get_current_uid_gid
		get_current_comm get_smp_processor_id trace_printk trace_vprintk ringbuf_output ringbuf_reserve ringbuf_submit
		ringbuf_discard get_func_ip get_attach_cookie get_prandom_u32 perf_event_output get_stackid get_stack tail_call
		for_each_map_elem loop strncmp snprintf strtol strtoul probe_write_user send_signal get_current_task
		get_current_task_btf map_push_elem map_pop_elem map_peek_elem map_lookup_percpu_elem ringbuf_query
		dynptr_from_mem ringbuf_reserve_dynptr ringbuf_submit_dynptr ringbuf_discard_dynptr dynptr_read dynptr_write
		dynptr_data timer_init timer_set_callback timer_start timer_cancel spin_lock spin_unlock copy_from_user
		get_ns_current_pid_tgid jiffies64 ktime_get_boot_ns ktime_get_coarse_ns ktime_get_tai_ns get_func_arg
		get_func_ret get_func_arg_cnt csum_diff task_storage_get task_storage_delete user_ringbuf_drain`
	for name := range strings.FieldsSeq(needed) {
		if _, ok := helper.ByName(name); !ok {
			t.Errorf("no prototype for %s", name)
		}
	}
}

func TestRegistry(t *testing.T) {
	var none *helper.Registry
	if _, ok := none.Lookup(1); ok || none.IDs() != nil {
		t.Error("a nil registry has entries")
	}
	r := new(helper.Registry).
		Register(7, helper.Pure(func(a, _, _, _, _ uint64) uint64 { return a + 1 })).
		RegisterAddr(7, 0x1000).
		RegisterAddr(3, 0x2000)
	if ids := r.IDs(); !slices.Equal(ids, []int32{3, 7}) {
		t.Errorf("IDs() = %v", ids)
	}
	e, ok := r.Lookup(7)
	if !ok || e.Addr != 0x1000 {
		t.Fatalf("Lookup(7) = %+v, %v", e, ok)
	}
	if r0, err := e.Go(nil, 41, 0, 0, 0, 0); r0 != 42 || err != nil {
		t.Errorf("the function gives %d, %v", r0, err)
	}
	if e, _ := r.Lookup(3); e.Go != nil {
		t.Error("helper 3 has a Go function")
	}
}

func TestDescribe(t *testing.T) {
	for id, want := range map[int32]string{5: "bpf_ktime_get_ns#5", 101: "bpf_sysctl_get_name#101", 999: "helper 999", -1: "helper -1"} {
		if got := helper.Describe(id); got != want {
			t.Errorf("Describe(%d) = %q, want %q", id, got, want)
		}
	}
}
