# SPDX-License-Identifier: Apache-2.0
"""perl as Debian ships it, under `cotter exec`: IO::Socket::SSL."""
from raw_program import serve

PROGRAM = """
use IO::Socket::SSL;
my ($address, $port, $host, $text, $roots, $cert, $key, $careless) = @ARGV;
my %options = (PeerAddr => $address, PeerPort => $port, Timeout => 40, SSL_hostname => $host, SSL_verifycn_name => $host,
               SSL_verifycn_scheme => 'http', SSL_ca_file => $roots);
delete $options{SSL_hostname} if $host =~ /^[0-9.]+$|:/;
%options = (%options, SSL_cert_file => $cert, SSL_key_file => $key) if $cert;
$options{SSL_verify_mode} = SSL_VERIFY_NONE if $careless =~ /verify_none/;
$options{SSL_cipher_list} = 'ALL:aNULL:@SECLEVEL=0' if $careless =~ /anonymous/;
my $socket = IO::Socket::SSL->new(%options) or die "refused: $SSL_ERROR";
print $socket $text;
print scalar <$socket>;
"""

if __name__ == "__main__":
    serve(lambda of: ["perl", "-e", PROGRAM, of.address, str(of.port), of.host, of.text, of.roots, of.cert, of.key,
                      ",".join(of.careless)])
