// Reads each file with Xerces, which checks it against the DTD that it names, and prints what is wrong with it, or "valid".

import javax.xml.parsers.SAXParserFactory;
import org.xml.sax.ErrorHandler;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;
import org.xml.sax.SAXParseException;
import org.xml.sax.XMLReader;

public class ValidateIndex {
    public static void main(String[] files) throws Exception {
        SAXParserFactory factory = new org.apache.xerces.jaxp.SAXParserFactoryImpl();
        factory.setValidating(true);
        for (String file : files) {
            XMLReader reader = factory.newSAXParser().getXMLReader();
            reader.setErrorHandler(new ErrorHandler() {
                public void warning(SAXParseException problem) throws SAXException { throw problem; }
                public void error(SAXParseException problem) throws SAXException { throw problem; }
                public void fatalError(SAXParseException problem) throws SAXException { throw problem; }
            });
            try {
                reader.parse(new InputSource(new java.io.File(file).toURI().toString()));
                System.out.println("valid");
            } catch (SAXParseException problem) {
                System.out.println("line " + problem.getLineNumber() + ": " + problem.getMessage());
            }
        }
    }
}
