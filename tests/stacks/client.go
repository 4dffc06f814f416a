// SPDX-License-Identifier: Apache-2.0

// Runs exported Go code. Arguments: a PEM file of trusted roots, then cases. A case is
// "PACKAGE URL", or "PACKAGE PACKAGE URL": the second over sessions that the first made. Prints
// "accept" or "refuse REASON" for each. The generated transports.go knows the packages.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
)

func get(transport http.RoundTripper, url string) string {
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections()
	response, err := client.Get(url)
	if err != nil {
		return "refuse " + strings.ReplaceAll(err.Error(), "\n", " ")
	}
	defer response.Body.Close()
	if _, err := io.ReadAll(response.Body); err != nil {
		return "refuse " + err.Error()
	}
	return "accept"
}

func main() {
	pem, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	for _, words := range os.Args[2:] {
		base := &http.Transport{
			TLSClientConfig: &tls.Config{
				RootCAs: roots, ClientSessionCache: tls.NewLRUClientSessionCache(8)},
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				_, port, _ := net.SplitHostPort(address)
				return (&net.Dialer{}).DialContext(ctx, network, "127.0.0.1:"+port)
			},
		}
		parts := strings.Fields(words)
		answer := ""
		for _, name := range parts[:len(parts)-1] {
			answer = get(transports[name](base), parts[len(parts)-1])
		}
		fmt.Println(answer)
	}
}
