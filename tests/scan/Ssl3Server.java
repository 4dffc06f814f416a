// SPDX-License-Identifier: Apache-2.0
//
// A TLS server of the JDK, which still speaks SSL 3 when its security properties allow it. The keystore and its password
// are the first two arguments, the versions the rest; it prints its port.
import java.io.FileInputStream;
import java.net.InetAddress;
import java.security.KeyStore;
import java.util.Arrays;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

public final class Ssl3Server {
  public static void main(String[] arguments) throws Exception {
    char[] password = arguments[1].toCharArray();
    KeyStore store = KeyStore.getInstance("PKCS12");
    try (FileInputStream file = new FileInputStream(arguments[0])) {
      store.load(file, password);
    }
    KeyManagerFactory keys = KeyManagerFactory.getInstance("SunX509");
    keys.init(store, password);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(keys.getKeyManagers(), null, null);
    InetAddress loopback = InetAddress.getByName("127.0.0.1");
    SSLServerSocket listener =
        (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0, 64, loopback);
    listener.setEnabledProtocols(Arrays.copyOfRange(arguments, 2, arguments.length));
    System.out.println(listener.getLocalPort());
    while (true) {
      try (SSLSocket socket = (SSLSocket) listener.accept()) {
        socket.setSoTimeout(20_000);
        socket.startHandshake();
        socket.getInputStream().read();
      } catch (java.io.IOException ended) {
        // A hello that is not answered, or a client that has seen enough.
      }
    }
  }
}
