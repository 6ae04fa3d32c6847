// A host whose nil pointers are panics: SIGSEGV, in goroutines, while C allocates.
package main

/*
#include <stdlib.h>
#include <string.h>
static void churn(void) { for (int i = 0; i < 100; i++) { void *volatile p = malloc(100); free(p); } }
*/
import "C"
import (
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"sync"
	"unsafe"
)

type big struct {
	pad [64]byte
	n   int
}

func deref(p *big) (n int, err any) {
	defer func() { err = recover() }()
	return p.n, nil
}

func fault(at uintptr) (err any) {
	defer func() { err = recover() }()
	debug.SetPanicOnFault(true)
	return *(*byte)(unsafe.Pointer(at))
}

func main() {
	var wg sync.WaitGroup
	wrong := make(chan any, 1000)
	for range 8 {
		wg.Go(func() {
			for range 300 {
				C.churn()
				if _, err := deref(nil); fmt.Sprint(err) != "runtime error: invalid memory address or nil pointer dereference" {
					wrong <- err
				}
				if err := fault(0xdead0000); fmt.Sprint(err) != "runtime error: invalid memory address or nil pointer dereference" {
					wrong <- err
				}
			}
		})
	}
	wg.Wait()
	out, err := exec.Command("/bin/echo", "a child").Output()
	fmt.Printf("%d wrong, %s%v\n", len(wrong), out, err)
	for len(wrong) > 0 {
		fmt.Println(<-wrong)
	}
	if len(os.Args) > 1 {
		var p *big
		fmt.Println(p.n)
	}
}
