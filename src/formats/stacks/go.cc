// SPDX-License-Identifier: Apache-2.0
//
// Go's crypto/tls and net/http, 1.19 and later. The pins are held against VerifiedChains, inside
// VerifyConnection, which runs on resumed connections too and before any byte of a request.
#include <utility>

#include "formats/plan.h"
#include "formats/rule_table.h"

namespace cotter::formats {
namespace {

constexpr std::string_view kHead = R"go(
// Package cotterpins enforces a cotter policy in Go.
//
//	client := &http.Client{Transport: cotterpins.Transport(nil)}
//	config, err := cotterpins.Config(nil, "api.example.com", 443) // for tls.Dial
package cotterpins

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

// ErrPin is what every refusal by the policy wraps.
var ErrPin = errors.New("bad ssl pin detected")

// OnReport is told of a mismatch on a rule in report mode, which is let through.
var OnReport = func(host string, err error) { log.Printf("cotter: reported %s: %v", host, err) }

type pin struct {
	Pin, Kind, Place string
}

type rule struct {
	Pattern, Mode, Require string
	Ports                  []int
	Pins                   []pin
}

type table struct {
	Unlisted string
	Revoked  []string
	Rules    []rule
}

var (
	policy   table
	byName   = map[string][]*rule{}
	revoked  = map[string]bool{}
	loadOnce sync.Once
)

func load() {
	loadOnce.Do(func() {
		if err := json.Unmarshal([]byte(rules), &policy); err != nil {
			panic("cotterpins: " + err.Error())
		}
		for i := range policy.Rules {
			r := &policy.Rules[i]
			byName[r.Pattern] = append(byName[r.Pattern], r)
		}
		for _, key := range policy.Revoked {
			revoked[key] = true
		}
	})
}

// canonical is the reference host in one spelling: lower case, without the trailing dot.
func canonical(host string) (string, error) {
	host = strings.ToLower(strings.Trim(host, "[]"))
	if ip := net.ParseIP(host); ip != nil {
		return ip.String(), nil
	}
	host = strings.TrimSuffix(host, ".")
	for _, label := range strings.Split(host, ".") {
		if label == "" {
			return "", fmt.Errorf("%w: %q is not a host name", ErrPin, host)
		}
	}
	for _, c := range host {
		if c > 127 {
			return "", fmt.Errorf("%w: give %q in its ASCII form", ErrPin, host)
		}
	}
	return host, nil
}

// find is the one rule that applies; nil where the host is unlisted.
func find(host string, port int) (*rule, error) {
	load()
	var patterns []string
	if net.ParseIP(host) != nil {
		patterns = []string{host}
	} else {
		patterns = []string{host, "**." + host}
		rest := host
		for depth := 0; ; depth++ {
			dot := strings.IndexByte(rest, '.')
			if dot < 0 {
				break
			}
			rest = rest[dot+1:]
			if depth == 0 {
				patterns = append(patterns, "*."+rest)
			}
			patterns = append(patterns, "**."+rest)
		}
	}
	otherPorts := false
	for _, pattern := range patterns {
		var every *rule
		for _, r := range byName[pattern] {
			if len(r.Ports) == 0 {
				every = r
				continue
			}
			otherPorts = true
			for _, p := range r.Ports {
				if p == port {
					return r, nil
				}
			}
		}
		if every != nil {
			return every, nil
		}
	}
	if otherPorts {
		return nil, fmt.Errorf("%w: %s is ruled on other ports than %d", ErrPin, host, port)
	}
	if policy.Unlisted == "refuse" {
		return nil, fmt.Errorf("%w: %s is not listed", ErrPin, host)
	}
	return nil, nil
}

func spki(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return "sha256/" + base64.StdEncoding.EncodeToString(sum[:])
}

func (p pin) matches(c *x509.Certificate, index int) bool {
	if (p.Place == "leaf" && index != 0) || (p.Place == "ca" && index == 0) {
		return false
	}
	if p.Kind == "cert" {
		sum := sha256.Sum256(c.Raw)
		return p.Pin == "sha256/"+base64.StdEncoding.EncodeToString(sum[:])
	}
	return p.Pin == spki(c)
}

// satisfied holds one verified chain, leaf first, against the rule.
func (r *rule) satisfied(chain []*x509.Certificate) bool {
	leaf, ca := false, false
	for i, c := range chain {
		for _, p := range r.Pins {
			if p.matches(c, i) {
				leaf = leaf || i == 0
				ca = ca || i > 0
			}
		}
	}
	if r.Require == "leaf+ca" {
		return leaf && ca
	}
	return leaf || ca
}

// judge decides by the verified chains alone: what the server sent is no evidence, and without a
// verified chain (InsecureSkipVerify) nothing passes.
func judge(host string, r *rule, chains [][]*x509.Certificate) error {
	var found []string
	sound := false
	for i, chain := range chains {
		clean := true
		for _, c := range chain {
			key := spki(c)
			clean = clean && !revoked[key]
			if i == 0 {
				found = append(found, key)
			}
		}
		sound = sound || clean
		if clean && (r == nil || r.Mode == "off" || r.satisfied(chain)) {
			return nil
		}
	}
	err := fmt.Errorf("%w, found pins: [%s]", ErrPin, strings.Join(found, " "))
	if sound && r != nil && r.Mode == "report" {
		OnReport(host, err)
		return nil
	}
	return err
}

func bind(base *tls.Config, host string, r *rule) *tls.Config {
	config := &tls.Config{}
	if base != nil {
		config = base.Clone()
	}
	config.InsecureSkipVerify = false
	config.ServerName = ""
	inner := config.VerifyConnection
	config.VerifyConnection = func(cs tls.ConnectionState) error {
		if err := judge(host, r, cs.VerifiedChains); err != nil {
			return err
		}
		if inner != nil {
			return inner(cs)
		}
		return nil
	}
	return config
}

// Config is base (which may be nil) for a connection to host and port, with the policy enforced.
func Config(base *tls.Config, host string, port int) (*tls.Config, error) {
	name, err := canonical(host)
	if err != nil {
		return nil, err
	}
	r, err := find(name, port)
	if err != nil {
		return nil, err
	}
	config := bind(base, name, r)
	config.ServerName = name
	return config, nil
}

type transport struct {
	base   *http.Transport
	mutex  sync.Mutex
	byRule map[*rule]*http.Transport
}

// Transport is base (nil: a clone of http.DefaultTransport) with the policy enforced on every
// request, redirects among them. Each rule has connections of its own. A proxy that is reached over
// TLS is refused by the pins of the host behind it.
func Transport(base *http.Transport) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport.(*http.Transport)
	}
	return &transport{base: base.Clone(), byRule: map[*rule]*http.Transport{}}
}

func portOf(u *url.URL) (int, error) {
	if u.Port() != "" {
		return strconv.Atoi(u.Port())
	}
	if u.Scheme == "http" {
		return 80, nil
	}
	return 443, nil
}

func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	inner, err := t.choose(request.URL)
	if err != nil {
		if request.Body != nil {
			request.Body.Close()
		}
		return nil, err
	}
	return inner.RoundTrip(request)
}

func (t *transport) choose(u *url.URL) (*http.Transport, error) {
	host, err := canonical(u.Hostname())
	if err != nil {
		return nil, err
	}
	port, err := portOf(u)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "https" {
		// A pinned host is never spoken to in clear, on whatever port.
		r, err := find(host, 443)
		if err != nil || (r != nil && r.Mode != "off") {
			return nil, fmt.Errorf("%w: %s is pinned, %s is refused", ErrPin, host, u.Scheme)
		}
		return t.base, nil
	}
	r, err := find(host, port)
	if err != nil {
		return nil, err
	}
	t.mutex.Lock()
	defer t.mutex.Unlock()
	inner := t.byRule[r]
	if inner == nil {
		inner = t.base.Clone()
		inner.DialTLS = nil //nolint:staticcheck // what it dials would not be pinned
		inner.DialTLSContext = nil
		inner.TLSClientConfig = bind(t.base.TLSClientConfig, host, r)
		inner.ForceAttemptHTTP2 = true
		t.byRule[r] = inner
	}
	return inner, nil
}

// CloseIdleConnections closes what no request uses.
func (t *transport) CloseIdleConnections() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.base.CloseIdleConnections()
	for _, inner := range t.byRule {
		inner.CloseIdleConnections()
	}
}
)go";

Result<ImportedPolicy> Read(std::span<const InputFile> files) { return ReadRuleTable(files, "go"); }

bool Recognizes(std::span<const InputFile> files) { return HasRuleTable(files, "go"); }

Result<Exported> Write(const Policy& policy, const ExportOptions& options) {
  Result<Plan> plan = MakePlan(policy, kTableSpeech, options);
  if (!plan) return plan.error();
  // gofmt and linters leave code alone that says so in these words.
  std::string text = "// Code generated by cotter export. DO NOT EDIT.\n" +
                     CommentBlock(policy, options, "go", "// ") + std::string(kHead) + "\n// " +
                     TableMark("go") + "\nconst rules = `" + RuleTable(*plan, policy) + "`\n";
  return Exported{std::move(text), std::move(plan->losses)};
}

}  // namespace

extern const Format kGoFormat;
const Format kGoFormat{.name = "go",
                       .summary = "Go, for crypto/tls and net/http",
                       .recognizes = Recognizes,
                       .read = Read,
                       .write = Write};

}  // namespace cotter::formats
