# SPDX-License-Identifier: Apache-2.0
"""php as Debian ships it, under `cotter exec`: its TLS streams."""
from raw_program import serve

PROGRAM = """
[, $address, $port, $host, $text, $roots, $cert, $key, $careless] = $argv;
// PHP compares names itself, once the handshake is over, and takes a last dot for a part of them.
$options = ['cafile' => $roots, 'peer_name' => rtrim($host, '.'), 'SNI_enabled' => true];
if ($cert) $options += ['local_cert' => $cert, 'local_pk' => $key];
if (str_contains($careless, 'verify_none')) $options += ['verify_peer' => false, 'verify_peer_name' => false];
if (str_contains($careless, 'anonymous')) $options += ['ciphers' => 'ALL:aNULL:@SECLEVEL=0'];
$address = str_contains($address, ':') ? "[$address]" : $address;
$socket = stream_socket_client("tls://$address:$port", $code, $why, 40, STREAM_CLIENT_CONNECT,
                               stream_context_create(['ssl' => $options]));
if (!$socket) exit(1);
fwrite($socket, $text);
echo fgets($socket);
"""

if __name__ == "__main__":
    serve(lambda of: ["php", "-r", PROGRAM, "--", of.address, str(of.port), of.host, of.text, of.roots, of.cert, of.key,
                      ",".join(of.careless)])
