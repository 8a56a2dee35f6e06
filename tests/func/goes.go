// SPDX-License-Identifier: GPL-2.0 OR MIT

// Functions of goroutines that keep their thread for a known time, and such that leave it. What each run
// called, how often and for how long goes to standard output as JSON. go run goes.go RUN COUNT US
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

type sums struct {
	Calls int     `json:"calls"`
	Ns    []int64 `json:"ns"`
}

var said = map[string]*sums{}
var sink int

// Processor time, whoever else is in line for it.
func cpu() int64 {
	var t syscall.Timespec
	syscall.RawSyscall(syscall.SYS_CLOCK_GETTIME, 3 /* CLOCK_THREAD_CPUTIME_ID */, uintptr(unsafe.Pointer(&t)), 0)
	return t.Nano()
}

func measure(name string, us int, f func(int) int) {
	s := said[name]
	if s == nil {
		s = &sums{}
		said[name] = s
	}
	begin := time.Now()
	f(us)
	s.Ns = append(s.Ns, time.Since(begin).Nanoseconds())
	s.Calls++
}

//go:noinline
func spins(us int) int {
	begin := time.Now()
	for time.Since(begin) < time.Duration(us)*time.Microsecond {
		sink++
	}
	return 0
}

// The runtime does not know of this call.
//
//go:noinline
func raw(us int) int { nap(us); return 0 }

func nap(us int) {
	t := syscall.Timespec{Nsec: int64(us) * 1000}
	at := uintptr(unsafe.Pointer(&t))
	for _, _, err := syscall.RawSyscall(syscall.SYS_NANOSLEEP, at, at, 0); err == syscall.EINTR; {
		_, _, err = syscall.RawSyscall(syscall.SYS_NANOSLEEP, at, at, 0)
	}
}

// It does of this one, and may give what the thread held to another one.
//
//go:noinline
func calls(us int) int {
	t := syscall.Timespec{Nsec: int64(us) * 1000}
	for syscall.Nanosleep(&t, &t) == syscall.EINTR {
	}
	return 0
}

//go:noinline
func parks(us int) int { time.Sleep(time.Duration(us) * time.Microsecond); return 1 }

var to, from = make(chan int), make(chan int)

// To another goroutine and back, n times, which sleeps in a system call meanwhile: on this thread, most of
// them. The scheduler counts none of that as a round of its own, for each is readied by the other.
//
//go:noinline
func pings(n int) int {
	for i := 0; i < n; i++ {
		to <- i
		<-from
	}
	return 1
}

func helper() {
	for i := range to {
		if i%64 == 0 {
			nap(200)
		}
		from <- i
	}
}

// Leaves its thread where that is said, and returns whether it did.
//
//go:noinline
func perhaps(n int) int {
	for begin := cpu(); cpu()-begin < 50000; {
		sink++
	}
	if n == 0 {
		return 0
	}
	return pings(n)
}

var stay = make(chan int)

//go:noinline
func stuck(n int) int { <-stay; return n }

func all(count, us int) {
	for i := 0; i < count; i++ {
		measure("spins", us, spins)
		measure("raw", us, raw)
		measure("calls", us, calls)
		measure("parks", us, parks)
		measure("perhaps", []int{0, 1, 64, 0, 128, 256}[i%6], perhaps)
	}
}

// So many goroutines are in a function, until they are killed.
func leaves(count int) {
	for i := 0; i < count; i++ {
		go stuck(i)
	}
	time.Sleep(200 * time.Millisecond)
	syscall.Kill(os.Getpid(), syscall.SIGKILL)
}

func main() {
	count, _ := strconv.Atoi(os.Args[2])
	us, _ := strconv.Atoi(os.Args[3])
	go helper()
	if os.Args[1] == "leaves" {
		leaves(count)
	}
	all(count, us)
	out, _ := json.Marshal(said)
	fmt.Println(string(out))
}
