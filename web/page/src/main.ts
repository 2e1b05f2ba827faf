import { mount } from 'svelte';
import App from './shell/App.svelte';
import { router } from './shell/router.svelte';
import './styles/tokens.css';
import './styles/elements.css';

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no place for the page');

router.listen();
mount(App, { target });
