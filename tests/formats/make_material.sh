#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# make_material.sh DIR: writes keys, requests and certificates of every kind that openssl makes, one folder a key. In
# each, `pin` is the base64 SHA-256 of the SPKI as the openssl pipeline computes it, and every other file must give
# that pin: cert.*, csr.*, pub.* and key.* by what they are, p7.* for PKCS #7. DIR/encrypted holds keys that must be
# refused.
set -euo pipefail
out=$1
rm -rf "$out" && mkdir -p "$out" && cd "$out"
umask 077

spki_pin() { openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64; }

# make NAME GENPKEY-ARGUMENT…
make() {
  local name=$1
  shift
  mkdir "$name"
  openssl genpkey "$@" -out "$name/key.pem" 2>/dev/null
  from_key "$name"
}

# from_key NAME: everything else from NAME/key.pem.
from_key() {
  (
    cd "$1"
    openssl pkey -in key.pem -outform der -out key.der
    openssl pkey -in key.pem -pubout -out pub.pem
    openssl pkey -in key.pem -pubout -outform der -out pub.der
    openssl base64 -in pub.der -out pub.base64
    openssl base64 -A -in key.der -out key.base64
    openssl req -new -key key.pem -subj "/CN=$1.example.com" -out csr.pem
    openssl req -in csr.pem -outform der -out csr.der
    sed 's/CERTIFICATE REQUEST/NEW CERTIFICATE REQUEST/' csr.pem >csr.new.pem
    openssl req -x509 -new -key key.pem -subj "/CN=$1.example.com" -days 30 -out cert.pem
    openssl x509 -in cert.pem -outform der -out cert.der
    openssl x509 -in cert.pem -trustout -addtrust serverAuth -setalias "an alias" -out cert.trusted.pem
    openssl base64 -A -in cert.der -out cert.base64
    { printf '\xef\xbb\xbfsubject: junk\n-- not a block --\n'; sed 's/$/\r/' cert.pem; printf 'more junk'; } >cert.junk.pem
    sed 's/^/    /' cert.pem >cert.indented.pem
    awk '/BEGIN/ {print; getline; body = $0; while (getline && !/END/) body = body $0; print body}; /END/' cert.pem >cert.long.pem
    sed 's/CERTIFICATE/X509 CERTIFICATE/' cert.pem >cert.x509.pem
    printf %s "$(cat cert.pem)" >cert.bare-end.pem
    openssl crl2pkcs7 -nocrl -certfile cert.pem -outform der -out p7.der
    openssl crl2pkcs7 -nocrl -certfile cert.pem -out p7.pem
    sed 's/PKCS7/CMS/' p7.pem >p7.cms.pem
    openssl x509 -in cert.pem -pubkey -noout | spki_pin >pin
  )
}

make rsa -algorithm RSA -pkeyopt rsa_keygen_bits:2048
make rsa3 -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -pkeyopt rsa_keygen_pubexp:3
make rsa-pss -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048
make p256 -algorithm EC -pkeyopt ec_paramgen_curve:P-256
make p384 -algorithm EC -pkeyopt ec_paramgen_curve:P-384
make p521 -algorithm EC -pkeyopt ec_paramgen_curve:P-521
make p256-explicit -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit
make brainpool -algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1
make ed25519 -algorithm ED25519
make ed448 -algorithm ED448
openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:1024 -out dsa.params 2>/dev/null
make dsa -paramfile dsa.params

openssl rsa -in rsa/pub.pem -pubin -RSAPublicKey_out -out rsa/pub.pkcs1.pem 2>/dev/null
openssl rsa -in rsa/pub.pem -pubin -RSAPublicKey_out -outform der -out rsa/pub.pkcs1.der 2>/dev/null
for name in rsa rsa3 p256 p384 p521 p256-explicit brainpool dsa; do
  openssl pkey -in $name/key.pem -traditional -out $name/key.traditional.pem
done
openssl rsa -in rsa/key.pem -traditional -outform der -out rsa/key.traditional.der 2>/dev/null
openssl ec -in p256/key.pem -outform der -out p256/key.traditional.der 2>/dev/null
# As `openssl ecparam -genkey` writes it: the curve in a block of its own before the key.
{ openssl ecparam -name prime256v1; cat p256/key.traditional.pem; } >p256/key.params.pem
# BER with indefinite lengths, a signature and content beside the certificate.
echo content | openssl cms -sign -signer rsa/cert.pem -inkey rsa/key.pem -nodetach -stream -outform der -out rsa/p7.ber

mkdir encrypted
openssl pkey -in rsa/key.pem -aes256 -passout pass:secret -out encrypted/pkcs8.pem
openssl pkcs8 -topk8 -in rsa/key.pem -passout pass:secret -outform der -out encrypted/pkcs8.der
openssl rsa -in rsa/key.pem -traditional -aes128 -passout pass:secret -out encrypted/traditional.pem 2>/dev/null
sed 's/ENCRYPTED PRIVATE/PRIVATE/' encrypted/pkcs8.pem >encrypted/mislabelled.pem
rm dsa.params
