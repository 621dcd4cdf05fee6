// Stands in for `uuid/v1` where the UI only needs ids that differ within one page.
'use strict';

let count = 0;
module.exports = () => `field-${++count}`;
