/* The smallest program: a line whenever bash echoes something.
 *
 *	clang -target bpf -g -O2 -I/usr/include/x86_64-linux-gnu -c hello.bpf.c
 *	bpftime run -o hello.bpf.o -- bash -c 'echo one; echo two'
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("uprobe//bin/bash:echo_builtin")
int hello(void *ctx)
{
	char comm[16];

	bpf_get_current_comm(comm, sizeof comm);
	bpf_printk("hello from %s", comm);
	return 0;
}

char LICENSE[] SEC("license") = "Dual MIT/GPL";
