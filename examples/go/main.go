// SPDX-License-Identifier: Apache-2.0

// A request from Go by libcotter's own client, through cgo.
//
//	go run . POLICY ROOTS URL [HOST::ADDRESS:PORT]
//
// The verdict falls inside the handshake. crypto/tls takes no part.
package main

/*
#cgo pkg-config: cotter
#include <stdlib.h>
#include <cotter/cotter.h>

// cgo cannot use the macros.
static cotter_trust_options trust_options(void) { return (cotter_trust_options)COTTER_TRUST_OPTIONS_INIT; }
static cotter_client_options client_options(void) { return (cotter_client_options)COTTER_CLIENT_OPTIONS_INIT; }
static cotter_request new_request(void) { return (cotter_request)COTTER_REQUEST_INIT; }
*/
import "C"

import (
	"fmt"
	"os"
	"runtime"
	"unsafe"
)

// Error is an error of libcotter: a stable code, and whether the same request may go well another time.
type Error struct {
	Code, Message string
	Retryable     bool
}

func (e *Error) Error() string { return e.Message }

// check takes the error handle of a call that did not succeed.
func check(status C.cotter_status, failure **C.cotter_error) error {
	handle := *failure // set by the call, which is over when this runs
	if status == C.COTTER_STATUS_OK {
		return nil
	}
	defer C.cotter_error_free(handle)
	return &Error{C.GoString(C.cotter_error_code(handle)), C.GoString(C.cotter_error_message(handle)),
		C.cotter_error_retryable(handle) == 1}
}

// text is a C string that lives until the pinner lets go; C keeps nothing of it.
type texts struct{ held []unsafe.Pointer }

func (t *texts) of(text string) *C.char {
	held := C.CString(text)
	t.held = append(t.held, unsafe.Pointer(held))
	return held
}

// list is an array of C strings in C's memory, as cgo's rules for pointers want it.
func (t *texts) list(values ...string) (**C.char, C.size_t) {
	array := C.malloc(C.size_t(len(values)+1) * C.size_t(unsafe.Sizeof((*C.char)(nil))))
	t.held = append(t.held, array)
	for i, value := range values {
		*(**C.char)(unsafe.Add(array, uintptr(i)*unsafe.Sizeof((*C.char)(nil)))) = t.of(value)
	}
	return (**C.char)(array), C.size_t(len(values))
}

func (t *texts) free() {
	for _, held := range t.held {
		C.free(held)
	}
}

// Client is a pinned HTTP client, safe from any goroutine. A goroutine that waits for an answer holds a thread.
type Client struct{ handle *C.cotter_client }

// NewClient reads a policy and the only trusted roots, both files; connectTo is as curl's.
func NewClient(policyFile, rootsFile string, connectTo ...string) (*Client, error) {
	var t texts
	defer t.free()
	var failure *C.cotter_error

	var policy *C.cotter_policy
	if err := check(C.cotter_policy_load_file(t.of(policyFile), nil, &policy, &failure), &failure); err != nil {
		return nil, err
	}
	defer C.cotter_policy_free(policy)
	var source *C.cotter_source
	if err := check(C.cotter_source_new(policy, &source, &failure), &failure); err != nil {
		return nil, err
	}
	defer C.cotter_source_free(source)

	trustOptions := C.trust_options()
	trustOptions.no_system_roots = 1
	files, count := t.list(rootsFile)
	trustOptions.files, trustOptions.file_count = files, count
	var trust *C.cotter_trust
	if err := check(C.cotter_trust_load(&trustOptions, &trust, &failure), &failure); err != nil {
		return nil, err
	}
	defer C.cotter_trust_free(trust)

	options := C.client_options()
	options.source, options.trust = source, trust
	options.connect_to, options.connect_to_count = t.list(connectTo...)
	client := &Client{}
	if err := check(C.cotter_client_new(&options, &client.handle, &failure), &failure); err != nil {
		return nil, err
	}
	runtime.SetFinalizer(client, func(c *Client) { C.cotter_client_free(c.handle) })
	return client, nil
}

// Get is the status and the body of url.
func (c *Client) Get(url string) (int, []byte, error) {
	var t texts
	defer t.free()
	request := C.new_request()
	request.url = t.of(url)
	var response *C.cotter_response
	var failure *C.cotter_error
	err := check(C.cotter_client_send(c.handle, &request, &response, &failure), &failure)
	runtime.KeepAlive(c)
	if err != nil {
		return 0, nil, err
	}
	defer C.cotter_response_free(response)
	body := C.GoBytes(unsafe.Pointer(C.cotter_response_body(response)), C.int(C.cotter_response_body_size(response)))
	return int(C.cotter_response_status(response)), body, nil
}

func main() {
	if len(os.Args) < 4 {
		fmt.Fprintln(os.Stderr, "usage: POLICY ROOTS URL [HOST::ADDRESS:PORT]")
		os.Exit(2)
	}
	client, err := NewClient(os.Args[1], os.Args[2], os.Args[4:]...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	status, _, err := client.Get(os.Args[3])
	if failure, refused := err.(*Error); refused {
		fmt.Println(failure.Code)
		os.Exit(1)
	}
	fmt.Println(status)
}
