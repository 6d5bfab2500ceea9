/**
 * What applications keep beside the text of an Office file and a reader never sees, by names in small letters. Whatever
 * is not listed counts as not read, so only what such applications write is named here, and as they write it.
 */
export const inertInOpenXml: readonly RegExp[] = [
  /^\[content_types\]\.xml$/,
  /(?:^|\/)_rels\/[^/]*\.rels$/,
  /^docprops\/(?:app|core|custom)\.xml$/,
  /^docprops\/thumbnail\.(?:jpe?g|png|gif|emf|wmf)$/,
  /^docmetadata\/labelinfo\.xml$/,
  /^package\/services\/metadata\/core-properties\/[^/]+\.psmdcp$/,
  /^customxml\/item(?:props)?\d*\.xml$/,
  /^_xmlsignatures\/(?:origin\.sigs|[^/]+\.xml)$/,
  /^\[trash\]\/[^/]+\.dat$/,
  /^(?:word|xl|ppt)\/theme\/theme(?:override)?\d*\.xml$/,
  /^(?:word|ppt)\/fonts\/[^/]+\.(?:odttf|fntdata)$/,
  /^(?:word|xl|ppt)\/(?:printersettings\/)?printersettings\d*\.bin$/,
  // Where comments and controls stand; what comments say is in parts of their own.
  /^(?:xl|ppt)\/drawings\/[^/]+\.vml$/,
  /^word\/(?:styles|styleswitheffects|settings|fonttable|numbering|websettings|people)\d*\.xml$/,
  /^xl\/(?:styles|metadata|calcchain)\d*\.xml$/,
  /^xl\/persons\/[^/]+\.xml$/,
  /^xl\/(?:customproperty\/)?customproperty\d*\.bin$/,
];

export const inertInOpenDocument: readonly RegExp[] = [
  /^(?:mimetype|meta\.xml|settings\.xml|manifest\.rdf|layout-cache)$/,
  /^meta-inf\/(?:manifest|documentsignatures|macrosignatures)\.xml$/,
  /^thumbnails\/thumbnail\.png$/,
  /^configurations2\/.*\.xml$/,
  /^fonts\/[^/]+\.(?:ttf|otf)$/,
  /^basic\/(?:[^/]+\/)?script-l[bc]\.xml$/,
];
