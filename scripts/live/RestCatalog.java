/*
 * The REST catalog of the tests: Apache's own servlet over its JDBC catalog in a SQLite file, on the loopback address
 * (Apache's own `main` listens on every interface). One server, two catalogs: the root's warehouse is a local folder,
 * that of /s3 is in a bucket. Both take a table at a `file:` or an `s3:` location that is named when it is made.
 */

import jakarta.servlet.DispatcherType;
import jakarta.servlet.Filter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.RawLocalFileSystem;
import org.apache.iceberg.CatalogUtil;
import org.apache.iceberg.jdbc.JdbcCatalog;
import org.apache.iceberg.rest.RESTCatalogAdapter;
import org.apache.iceberg.rest.RESTCatalogServlet;
import org.eclipse.jetty.ee10.servlet.FilterHolder;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.handler.ContextHandlerCollection;

public final class RestCatalog {
    public static void main(String[] args) throws Exception {
        Properties settings = new Properties();
        try (var reader = Files.newBufferedReader(Path.of(args[0]))) {
            settings.load(reader);
        }
        int port = Integer.parseInt(settings.getProperty("port"));
        Server server = new Server(new InetSocketAddress("127.0.0.1", port));
        server.setHandler(
            new ContextHandlerCollection(
                context("/", catalog("local", settings.getProperty("warehouse"), settings)),
                context("/s3", catalog("s3", settings.getProperty("s3.warehouse"), settings))));
        server.start();
        server.join();
    }

    /** A catalog of that name in the one database. */
    private static JdbcCatalog catalog(String name, String warehouse, Properties settings) {
        Map<String, String> properties = new HashMap<>();
        // A writer waits for another instead of failing at once; a commit is on the disk when it is answered.
        String url = "jdbc:sqlite:%s?journal_mode=WAL&synchronous=FULL&busy_timeout=30000";
        properties.put("uri", url.formatted(settings.getProperty("database")));
        properties.put("jdbc.schema-version", "V1");
        properties.put("warehouse", warehouse);
        properties.put("io-impl", "org.apache.iceberg.io.ResolvingFileIO");
        properties.put("client.region", settings.getProperty("s3.region"));
        properties.put("s3.endpoint", settings.getProperty("s3.endpoint"));
        properties.put("s3.path-style-access", "true");
        properties.put("s3.access-key-id", settings.getProperty("s3.access-key"));
        properties.put("s3.secret-access-key", settings.getProperty("s3.secret-key"));
        Configuration files = new Configuration();
        // The other one leaves a .crc file beside every file, which no table names.
        files.set("fs.file.impl", RawLocalFileSystem.class.getName());
        return (JdbcCatalog) CatalogUtil.loadCatalog(JdbcCatalog.class.getName(), name, properties, files);
    }

    private static ServletContextHandler context(String path, JdbcCatalog catalog) {
        ServletContextHandler context = new ServletContextHandler();
        context.setContextPath(path);
        // The servlet takes the whole path for the route, so what leads to its catalog is taken off.
        Filter below = (request, response, next) ->
            next.doFilter(path.equals("/") ? request : new Below((HttpServletRequest) request), response);
        context.addFilter(new FilterHolder(below), "/*", EnumSet.of(DispatcherType.REQUEST));
        context.addServlet(new ServletHolder(new RESTCatalogServlet(new RESTCatalogAdapter(catalog))), "/*");
        return context;
    }

    private static final class Below extends HttpServletRequestWrapper {
        Below(HttpServletRequest request) {
            super(request);
        }

        @Override
        public String getRequestURI() {
            return super.getRequestURI().substring(getContextPath().length());
        }
    }
}
