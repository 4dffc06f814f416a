// SPDX-License-Identifier: Apache-2.0
//
// Runs exported OkHttp code. Arguments: a PEM file of trusted roots, then cases. A case is
// "CLASS URL", or "CLASS CLASS URL": the second over sessions that the first made. Prints "accept"
// or "refuse REASON" for each.
import java.io.FileInputStream;
import java.io.InputStream;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;

public final class Client {
  public static void main(String[] arguments) throws Exception {
    for (int i = 1; i < arguments.length; i++) {
      String[] words = arguments[i].split(" ");
      OkHttpClient.Builder trusting = trusting(arguments[0]);
      String answer = "";
      for (int step = 0; step < words.length - 1; step++) {
        answer = get(pinned(words[step], trusting), words[words.length - 1]);
      }
      System.out.println(answer);
    }
    System.exit(0); // OkHttp's threads linger
  }

  private static OkHttpClient.Builder trusting(String file) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (InputStream pem = new FileInputStream(file)) {
      for (Certificate each : CertificateFactory.getInstance("X.509").generateCertificates(pem)) {
        store.setCertificateEntry("root" + store.size(), each);
      }
    }
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    X509TrustManager manager = (X509TrustManager) factory.getTrustManagers()[0];
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, new X509TrustManager[] {manager}, null);
    return new OkHttpClient.Builder().sslSocketFactory(context.getSocketFactory(), manager);
  }

  private static OkHttpClient pinned(String name, OkHttpClient.Builder builder) throws Exception {
    OkHttpClient plain = builder.build();
    return ((OkHttpClient.Builder)
            Class.forName(name)
                .getMethod("pinned", OkHttpClient.Builder.class)
                .invoke(null, plain.newBuilder()))
        .build();
  }

  private static String get(OkHttpClient client, String url) {
    try (Response response = client.newCall(new Request.Builder().url(url).build()).execute()) {
      response.body().string();
      return "accept";
    } catch (Exception error) {
      return "refuse " + error.toString().replace('\n', ' ');
    } finally {
      client.connectionPool().evictAll();
    }
  }
}
