// SPDX-License-Identifier: Apache-2.0

// What a pin tool in Go does: parse each PEM certificate of a file with crypto/x509, print the base64 of the SHA-256 of
// its SubjectPublicKeyInfo. The peer of `cotter pins --bare` in bench/run.
package main

import (
	"bufio"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
)

func main() {
	data, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			panic(err)
		}
		digest := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
		fmt.Fprintln(out, base64.StdEncoding.EncodeToString(digest[:]))
	}
}
