// Bundles the UI of Argo Workflows by upstream's own webpack configuration, changed only in what makes it fast:
// no source maps, esbuild instead of terser as minifier, and libraries taken as they are instead of compiled again.
'use strict';

const path = require('path');

const ui = process.cwd();
const installed = name => require(require.resolve(name, {paths: [ui]}));
const webpack = installed('webpack');
const {EsbuildPlugin} = installed('esbuild-loader');
const config = installed(path.join(ui, 'webpack.config.js'));

config.devtool = false;
config.performance = false;
config.optimization = {minimizer: [new EsbuildPlugin({target: 'es2020'})]};
config.module.rules = config.module.rules.filter(rule => rule.enforce !== 'pre');
// argo-ui imports a file of a package that it does not declare, only to give form fields an id.
config.resolve.alias = {'uuid/v1$': path.join(__dirname, 'field-id.cjs')};

webpack(config, (error, stats) => {
    if (error || stats.hasErrors()) {
        console.error(error || stats.toString({preset: 'errors-only', colors: false}));
        process.exit(1);
    }
    console.log(stats.toString({preset: 'none', timings: true, assets: true, colors: false}));
});
