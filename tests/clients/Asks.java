import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Asks by both of Java's HTTP clients; nothing in it knows of an emulator. */
public class Asks {
    public static void main(String[] urls) throws Exception {
        for (String url : urls) {
            URI address = URI.create(url);
            java.net.HttpURLConnection older = (java.net.HttpURLConnection) address.toURL().openConnection();
            HttpClient newer = HttpClient.newBuilder().proxy(java.net.ProxySelector.getDefault()).build();
            HttpRequest asked = HttpRequest.newBuilder(address).build();
            int code = newer.send(asked, HttpResponse.BodyHandlers.discarding()).statusCode();
            System.out.println(older.getResponseCode() + " " + code);
        }
    }
}
